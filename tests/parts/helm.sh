# Helm. `helm` in the part's folder is the command.
# shellcheck shell=bash

part_needs=(go)
HELM=v4.2.4

build() { GOBIN=$1 golang install -trimpath -ldflags '-s -w' "helm.sh/helm/v4/cmd/helm@$HELM"; }

part_build() { step "compiling Helm $HELM (some minutes)" build "$1"; }

part_check() { [[ -x $1/helm ]]; }
