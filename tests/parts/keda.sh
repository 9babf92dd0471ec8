# KEDA: `operator` and `adapter` in the part's folder, `crds` holds its definitions.
# shellcheck shell=bash

part_inputs=(keda/{go.mod,go.sum})
part_needs=(go)

build() { (cd "$PARTS_DIR/keda" && golang build -trimpath -ldflags '-s -w' -o "$1/" "github.com/kedacore/keda/v2/cmd/$2"); }

# The definitions lie in the module, at the version that go.mod names.
definitions() {
    local dir
    dir=$(cd "$PARTS_DIR/keda" && golang list -m -f '{{.Dir}}' github.com/kedacore/keda/v2)
    cp -R --no-preserve=mode "$dir/config/crd/bases" "$1/crds"
}

part_build() {
    step "compiling KEDA's operator (about 7 minutes)" build "$1" operator
    step "compiling KEDA's metrics adapter" build "$1" adapter
    step "copying its definitions" definitions "$1"
}

part_check() { [[ -x $1/operator && -x $1/adapter && -f $1/crds/keda.sh_scaledobjects.yaml ]]; }
