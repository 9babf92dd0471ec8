# Prometheus and promtool, unpacked from the distribution's package so that no service starts.
# `prometheus` and `promtool` in the part's folder are the commands.
# shellcheck shell=bash

part_build() {
    if ! (step "downloading the distribution's package prometheus (60 MB)" apt_unpack prometheus "$1/package"); then
        rm -rf "$1/package"
        step "installing the distribution's package prometheus" apt_install prometheus
        mkdir -p "$1/package/usr/bin"
        ln -s "$(command -v prometheus)" "$(command -v promtool)" "$1/package/usr/bin/"
    fi
    ln -s package/usr/bin/prometheus package/usr/bin/promtool "$1/"
}

part_check() { "$1/promtool" --version >/dev/null 2>&1 && "$1/prometheus" --version >/dev/null 2>&1; }
