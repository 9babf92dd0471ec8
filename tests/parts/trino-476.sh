# Trino 476, the newest with the nested shape: the published core server plus two connectors.
# `lib/` is the class path, `plugin/` the plugin folder.
# shellcheck shell=bash

part_needs=(jdk)
TRINO=476
PLUGIN_GOAL=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy

fetch() { maven "$PLUGIN_GOAL" "-Dartifact=io.trino:$1" "-DoutputDirectory=$2"; }

unpack_server() {
    tar --extract --gzip --file "$1/download/trino-server-core-$TRINO.tar.gz" --directory "$1" --strip-components 1 \
        --wildcards '*/lib/*' '*/plugin/exchange-filesystem/*'
}

# unpack_connector DIR NAME: the zip holds one folder trino-NAME-VERSION.
unpack_connector() {
    python3 -m zipfile -e "$1/download/trino-$2-$TRINO.zip" "$1/plugin"
    mv "$1/plugin/trino-$2-$TRINO" "$1/plugin/$2"
}

part_build() {
    local connector
    need_tools python3 tar
    need_maven
    step "downloading server core (194 MB)" fetch "trino-server-core:$TRINO:tar.gz" "$1/download"
    step "unpacking server core" unpack_server "$1"
    for connector in tpch memory; do
        step "downloading connector $connector" fetch "trino-$connector:$TRINO:zip" "$1/download"
        step "unpacking connector $connector" unpack_connector "$1" "$connector"
    done
    rm -r "$1/download"
}

part_check() { [[ -d $1/lib && -d $1/plugin/tpch && -d $1/plugin/exchange-filesystem ]]; }
