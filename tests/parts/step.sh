#!/usr/bin/env bash
# Runs the steps of `make test` and keeps their times: step.sh begin PART… | step.sh NAME COMMAND… | step.sh end
# The total is a cold one where parts had to be built or nothing was compiled yet, else a warm one.
set -euo pipefail
target=${CARGO_TARGET_DIR:-target}
times=$target/test-steps
here=$(dirname "${BASH_SOURCE[0]}")

# start PART…: what there is before the first step.
start() {
    local part missing=0 compiled=compiled
    for part in "$@"; do
        "$here/install.sh" --where "$part" >/dev/null 2>&1 || missing=$((missing + 1))
    done
    [[ -d $target/debug/deps ]] || compiled='not compiled'
    case $missing,$compiled in
    0,compiled) echo warm ;;
    *) echo "cold: $missing of $# parts missing, $compiled" ;;
    esac
}

case $1 in
begin)
    shift
    begun=$(start "$@")
    mkdir -p "$target"
    printf '0\t%s\n' "$begun" >"$times"
    ;;
end)
    echo
    awk -F '\t' '
        NR == 1 {begun = $2; next}
        {printf "  %5d s  %s\n", $1, $2; all += $1}
        END {printf "  %5d s  in all (%s)\n", all, begun}' "$times"
    ;;
*)
    name=$1
    shift
    printf '\n=== %s\n' "$name"
    started=$SECONDS
    "$@"
    printf '%d\t%s\n' "$((SECONDS - started))" "$name" >>"$times"
    ;;
esac
