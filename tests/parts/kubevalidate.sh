# A validator with the API server's own rules and the custom resource definitions that our charts
# and examples use. `kubevalidate` in the part's folder is the command, `crds` holds the definitions.
# shellcheck shell=bash

part_inputs=(kubevalidate/{go.mod,go.sum,main.go,builtin.go,custom.go,strategies.go,crds.sha256})
part_needs=(go)
PROMETHEUS_OPERATOR=github.com/prometheus-operator/prometheus-operator@v0.85.0
CERT_MANAGER=github.com/cert-manager/cert-manager@v1.18.2
KEDA=github.com/kedacore/keda/v2@v2.21.0

build() { (cd "$PARTS_DIR/kubevalidate" && golang build -trimpath -ldflags '-s -w' -o "$1/kubevalidate" .); }

# copy_definitions DIR MODULE FOLDER FILE…: takes files out of a published module.
copy_definitions() {
    local to=$1 module=$2 folder=$3 dir name
    shift 3
    dir=$(golang mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    for name in "$@"; do install -m 644 "$dir/$folder/$name.yaml" "$to/"; done
}

definitions() {
    mkdir "$1/crds"
    # Outside any module, so that the versions above are the ones that count.
    cd "$1" || return
    copy_definitions crds "$PROMETHEUS_OPERATOR" example/prometheus-operator-crd \
        monitoring.coreos.com_servicemonitors monitoring.coreos.com_prometheusrules
    copy_definitions crds "$KEDA" config/crd/bases \
        keda.sh_scaledobjects keda.sh_triggerauthentications
    copy_definitions crds "$CERT_MANAGER" deploy/crds crd-certificates crd-issuers
    sha256sum --check --strict "$PARTS_DIR/kubevalidate/crds.sha256"
}

part_build() {
    step "compiling the API server's rules (some minutes)" build "$1"
    step "fetching custom resource definitions" definitions "$1"
}

part_check() { [[ -x $1/kubevalidate && -d $1/crds ]]; }
