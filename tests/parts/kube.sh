# A Kubernetes control plane: `kube-apiserver`, `kube-controller-manager`, `kube-scheduler` and `kubectl` in the part's folder.
# shellcheck shell=bash

part_inputs=(kube/{go.mod,go.sum,main.go})
part_needs=(go)
KUBERNETES=v1.36.3
KUBE_PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubectl)

build() {
    local version=k8s.io/component-base/version
    (cd "$PARTS_DIR/kube" && golang build -trimpath -o "$1/kube" -ldflags "-s -w
        -X $version.gitVersion=$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=36" .)
}

part_build() {
    local program
    step "compiling Kubernetes $KUBERNETES (about 6 minutes)" build "$1"
    for program in "${KUBE_PROGRAMS[@]}"; do ln -s kube "$1/$program"; done
}

part_check() { "$1/kubectl" version --client >/dev/null; }
