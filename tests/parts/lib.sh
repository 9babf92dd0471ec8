# What all part scripts share: progress lines, finding tools, packages of the distribution.
# Sourced by install.sh, which sets PARTS_DIR and CACHE; decides nothing about a part's content.
# shellcheck shell=bash

# say TEXT: one progress line. Standard output is kept for answers.
say() { printf '%s\n' "$*" >&2; }

# fail TEXT: ends this build with what is missing and how to get it.
fail() {
    say "error: $*"
    exit 1
}

# load_part NAME: reads a part's script over the defaults.
load_part() {
    part_inputs=()
    part_needs=()
    # shellcheck disable=SC2317  # a part replaces it
    part_check() { :; }
    # shellcheck disable=SC1090  # the name is one of ALL_PARTS
    source "$PARTS_DIR/$1.sh"
}

# where PART: the folder of an installed part.
where() { "$BASH" "$PARTS_DIR/install.sh" --where "$1"; }

# step TEXT COMMAND…: runs a command that may take long; its output goes to a log that is shown
# when it fails, and a line every 15 s shows that it is alive.
step() {
    local text=$1 log status=0 started=$SECONDS next=15
    shift
    log="$CACHE/logs/$PART.log"
    say "$PART: $text…"
    "$@" >"$log" 2>&1 9>&- </dev/null &
    local pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - started >= next)); then
            say "$PART: $text… $((SECONDS - started)) s"
            next=$((next + 15))
        fi
    done
    wait "$pid" || status=$?
    if ((status != 0)); then
        tail -n 40 "$log" >&2
        fail "$PART: $text: '$1' ended with status $status (whole output: $log)"
    fi
}

# as_root COMMAND…: runs it as root, directly or through sudo without a password.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        echo "needs root: $*"
        return 1
    fi
}

# apt_install PACKAGE: installs it from the distribution, with one refresh of the package lists.
apt_install() {
    command -v apt-get >/dev/null || return 1
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1")
    as_root "${install[@]}" || { as_root apt-get update && as_root "${install[@]}"; }
}

# apt_unpack PACKAGE DIR: unpacks the distribution's package into DIR without installing it, so
# that no service is started. Needs root only when the package lists are missing.
apt_unpack() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    local fetch=(apt-get -o "APT::Sandbox::User=$(id -un)" download "$1")
    mkdir -p "$2"
    (
        cd "$2" || exit
        "${fetch[@]}" || { as_root apt-get update && "${fetch[@]}"; }
        dpkg-deb --extract "$1"_*.deb .
        rm -- "$1"_*.deb
    )
}

# maven GOALS…: runs Maven on the JDK of part jdk.
maven() {
    JAVA_HOME=$(where jdk)/home mvn --batch-mode --no-transfer-progress "$@"
}

# need_maven: installs Maven from the distribution when there is none.
need_maven() {
    command -v mvn >/dev/null && return
    step "installing Maven from the distribution" apt_install maven ||
        fail "Maven is missing: install the package 'maven', or put mvn on the PATH"
}

# need_tools NAME…: fails when one of these small tools is not there.
need_tools() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || fail "$PART: the command '$tool' is missing; install it"
    done
}

# golang ARGUMENTS…: the go command of part go, never a toolchain that it would fetch by itself.
golang() {
    GOTOOLCHAIN=local GOFLAGS="-buildvcs=false" CGO_ENABLED=0 "$(where go)/go" "$@"
}
