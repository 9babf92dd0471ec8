# The store of the control plane. `etcd` in the part's folder is the command.
# shellcheck shell=bash

part_inputs=(etcd/{go.mod,go.sum,main.go})
part_needs=(go)

build() { (cd "$PARTS_DIR/etcd" && golang build -trimpath -ldflags '-s -w' -o "$1/etcd" .); }

part_build() { step "compiling etcd" build "$1"; }

part_check() { "$1/etcd" --version >/dev/null; }
