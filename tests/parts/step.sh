#!/usr/bin/env bash
# Runs the steps of `make test` and keeps their times: step.sh begin | step.sh NAME COMMAND… | step.sh end
set -euo pipefail
times=${CARGO_TARGET_DIR:-target}/test-steps

case $1 in
begin)
    mkdir -p "$(dirname "$times")"
    : >"$times"
    ;;
end)
    echo
    awk -F '\t' '{printf "  %5d s  %s\n", $1, $2; all += $1} END {printf "  %5d s  in all\n", all}' "$times"
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
