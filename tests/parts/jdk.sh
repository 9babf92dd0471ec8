# A JDK of 24 or newer, which Trino 476 and 482 need. `home` in the part's folder links to it.
# shellcheck shell=bash

# java_major HOME: the major version of the JDK in HOME; fails when there is no complete one.
java_major() {
    [[ -x $1/bin/java && -x $1/bin/javac && -x $1/bin/jar ]] || return 1
    sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null | grep .
}

new_enough() {
    local major
    major=$(java_major "$1") && ((major >= 24))
}

# find_jdk: prints the first JDK that is new enough, in the usual places.
find_jdk() {
    local home on_path
    on_path=$(readlink -f "$(command -v javac || true)")
    for home in "${JAVA_HOME:-}" "${on_path%/bin/javac}" /usr/lib/jvm/* /usr/local/lib/jvm/* \
        /usr/java/* /opt/* /opt/java/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/*; do
        if [[ -n $home ]] && new_enough "$home"; then
            readlink -f "$home"
            return
        fi
    done
    return 1
}

install_from_distribution() {
    local major
    for major in 25 24 26; do
        apt_install "openjdk-$major-jdk-headless" && return
    done
    return 1
}

part_build() {
    local home
    say "jdk: looking for a JDK of 24 or newer…"
    if ! home=$(find_jdk); then
        (step "installing a JDK from the distribution" install_from_distribution) || true
        home=$(find_jdk) || fail "no JDK of 24 or newer was found in JAVA_HOME, the PATH, /usr/lib/jvm, /opt or" \
            "the home folder, and the distribution offers none; install one (for example Temurin 25) and set JAVA_HOME"
    fi
    ln -s "$home" "$1/home"
}

part_check() { new_enough "$1/home"; }
