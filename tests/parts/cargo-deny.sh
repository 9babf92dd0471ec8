#!/usr/bin/env bash
# Runs cargo-deny, which is built once into the cache: cargo-deny.sh ARGUMENT…
set -euo pipefail
cd "$(dirname "$0")/../.."

VERSION=0.20.2
root=${XTRINODE_TEST_CACHE:-$HOME/.cache/xtrinode-test}/cargo-deny-$VERSION

if [[ ! -x $root/bin/cargo-deny ]]; then
    echo "cargo-deny $VERSION is not in the cache yet: building it, some minutes"
    # A target folder of its own: other flags than ours, and it is not needed again.
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    CARGO_TARGET_DIR=$scratch cargo install --quiet --locked --version "$VERSION" --no-default-features \
        --root "$root" cargo-deny
fi
cargo fetch --locked --quiet
exec "$root/bin/cargo-deny" --offline "$@"
