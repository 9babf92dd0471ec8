#!/usr/bin/env bash
# Builds the image under both names: the product's and the one that the chart uses by default.
set -euo pipefail
cd "$(dirname "$0")"

commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
for tool in docker podman buildah; do
    command -v "$tool" >/dev/null || continue
    echo "Building with $tool, commit $commit"
    exec "$tool" build --build-arg "COMMIT=$commit" -t xtrinode:latest -t trino-buffer-exporter:latest .
done
echo "make image: none of docker, podman and buildah is here; install one of them" >&2
exit 1
