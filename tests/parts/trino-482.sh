# Trino 482, with the flat shape. No server archive is published for it, so its jars are resolved
# by Maven and started by a main class of ours. `lib/` is the class path, `plugin/` the plugins.
# shellcheck shell=bash

part_inputs=(trino-482/server.xml trino-482/tpch.xml trino-482/exchange.xml trino-482/Main.java)
part_needs=(jdk)

# resolve POM DIR: copies the jars that a running server needs.
resolve() {
    maven --file "$PARTS_DIR/trino-482/$1.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime "-DoutputDirectory=$2"
}

# jar_of_main DIR: compiles Main.java into lib/main.jar.
jar_of_main() {
    local jdk
    jdk=$(where jdk)/home
    "$jdk/bin/javac" -cp "$1/lib/*" -d "$1/classes" "$PARTS_DIR/trino-482/Main.java"
    "$jdk/bin/jar" --create --file "$1/lib/main.jar" -C "$1/classes" .
    rm -r "$1/classes"
}

# announce DIR PLUGIN CLASS: the published jars lack the service file by which Trino finds a plugin.
announce() {
    local services="$1/services/META-INF/services"
    mkdir -p "$services"
    echo "$3" >"$services/io.trino.spi.Plugin"
    "$(where jdk)/home/bin/jar" --create --file "$1/plugin/$2/services.jar" -C "$1/services" .
    rm -r "$1/services"
}

part_build() {
    need_maven
    step "resolving the server's jars (100 MB)" resolve server "$1/lib"
    step "compiling the main class" jar_of_main "$1"
    step "resolving connector tpch" resolve tpch "$1/plugin/tpch"
    announce "$1" tpch io.trino.plugin.tpch.TpchPlugin
    step "resolving the exchange manager" resolve exchange "$1/plugin/exchange-filesystem"
    announce "$1" exchange-filesystem io.trino.plugin.exchange.filesystem.FileSystemExchangePlugin
}

part_check() { [[ -f $1/lib/main.jar && -f $1/plugin/exchange-filesystem/services.jar ]]; }
