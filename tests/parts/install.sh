#!/usr/bin/env bash
# Installs the real programs that the tests run against (Trino, Prometheus, Helm, …) into a cache
# outside the checkout, and says where they are. Never touches the checkout, never skips a part.
#
#   install.sh                 install every part
#   install.sh PART…           install these parts, and the parts that they need
#   install.sh --where PART    print the folder of an installed part; exit 1 if it is not installed
#   install.sh --list          print the names of all parts
#
# A part is a script NAME.sh beside this one. It sets
#   part_inputs   files beside it that decide its content (its own script always counts)
#   part_needs    parts that its build uses
# and defines
#   part_build DIR   fills the empty folder DIR
#   part_check DIR   optional: fails when what DIR holds no longer works
# The folder's name ends in a hash of the inputs, so a changed pin is another folder.
set -euo pipefail

PARTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XTRINODE_TEST_CACHE:-$HOME/.cache/xtrinode-test}
ALL_PARTS=(jdk go trino-476 trino-482 helm kubevalidate prometheus etcd kube keda)
# shellcheck source=tests/parts/lib.sh
source "$PARTS_DIR/lib.sh"

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    echo "parts: ${ALL_PARTS[*]}"
}

# part_path PART: the folder that the part has, or will have.
part_path() {
    (
        load_part "$1"
        local hash
        hash=$(cd "$PARTS_DIR" && sha256sum "$1.sh" "${part_inputs[@]}" | sha256sum | cut -c1-16)
        echo "$CACHE/parts/$1-$hash"
    )
}

# is_installed PART: whether its folder exists and still works.
is_installed() {
    local dir
    dir=$(part_path "$1")
    [[ -d $dir ]] && (
        load_part "$1"
        part_check "$dir"
    )
}

# install_part PART: builds it in a scratch folder and renames that when it is whole.
install_part() {
    local name=$1 dir scratch started=$SECONDS need
    if is_installed "$name"; then return; fi
    for need in $(load_part "$name" && echo "${part_needs[@]}"); do install_part "$need"; done
    dir=$(part_path "$name")
    scratch=$(mktemp -d "$CACHE/scratch/$name.XXXXXX")
    # In a child of its own: `set -e` is not in force inside a condition.
    if ! bash "$PARTS_DIR/install.sh" --build "$name" "$scratch"; then
        rm -rf "$scratch"
        exit 1
    fi
    rm -rf "$dir"
    mv "$scratch" "$dir"
    say "$name: ready after $((SECONDS - started)) s in $dir"
}

build_part() {
    PART=$1
    load_part "$PART"
    part_build "$2"
    part_check "$2"
}

install_all() {
    local part missing=()
    for part in "$@"; do
        is_installed "$part" || missing+=("$part")
    done
    if ((${#missing[@]} == 0)); then return; fi
    mkdir -p "$CACHE/parts" "$CACHE/scratch" "$CACHE/logs"
    exec 9>"$CACHE/lock"
    if ! flock --nonblock 9; then
        say "waiting for another run to release $CACHE/lock…"
        flock 9
    fi
    for part in "${missing[@]}"; do install_part "$part"; done
}

known_part() {
    local part
    for part in "${ALL_PARTS[@]}"; do [[ $part == "$1" ]] && return; done
    fail "no part named '$1'; there are: ${ALL_PARTS[*]}"
}

case ${1:-} in
-h | --help) usage ;;
--list) printf '%s\n' "${ALL_PARTS[@]}" ;;
--where)
    known_part "${2:-}"
    is_installed "$2" || exit 1
    part_path "$2"
    ;;
--build) build_part "$2" "$3" ;;
*)
    if (($# == 0)); then set -- "${ALL_PARTS[@]}"; fi
    for part in "$@"; do known_part "$part"; done
    install_all "$@"
    for part in "$@"; do say "$part: $(part_path "$part")"; done
    ;;
esac
