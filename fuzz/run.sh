#!/usr/bin/env bash
# Runs every fuzz target for a number of seconds (default 60): fuzz/run.sh [SECONDS]. Needs a nightly toolchain, as
# cargo-fuzz does; cargo-fuzz itself is built once into the cache.
set -euo pipefail
cd "$(dirname "$0")"

VERSION=0.13.2
seconds=${1:-60}
root=${XTRINODE_TEST_CACHE:-$HOME/.cache/xtrinode-test}/cargo-fuzz-$VERSION

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzz: no nightly toolchain; get one with: rustup toolchain install nightly" >&2
    exit 1
fi
if [[ ! -x $root/bin/cargo-fuzz ]]; then
    echo "cargo-fuzz $VERSION is not in the cache yet: building it"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    CARGO_TARGET_DIR=$scratch cargo install --quiet --locked --version "$VERSION" --root "$root" cargo-fuzz
fi
export PATH=$root/bin:$PATH
for target in $(cargo +nightly fuzz list --fuzz-dir .); do
    echo "=== $target, $seconds s"
    # Its corpus begins with the committed seeds; git ignores what is found on the way.
    cargo +nightly fuzz run --fuzz-dir . "$target" -- \
        -max_total_time="$seconds" -max_len=65536 -print_final_stats=1
done
