# The xtrinode binary, static, on nothing.
#
#   docker build -t trino-buffer-exporter:latest .
#   docker run --rm trino-buffer-exporter:latest --help
#
# Needs no BuildKit features, so that podman and buildah build it as well. The version is that of rust-toolchain.toml.
ARG RUST_VERSION=1.95.0
FROM rust:${RUST_VERSION}-alpine AS build

# A C compiler and the kernel's headers for aws-lc (it includes <linux/random.h>), and the authorities to trust.
RUN apk add --no-cache build-base linux-headers ca-certificates

# The image's own toolchain: rust-toolchain.toml would make rustup fetch clippy and rustfmt, which nothing here uses.
ARG RUST_VERSION
ENV RUSTUP_TOOLCHAIN=${RUST_VERSION}

# Said by `xtrinode --version`; the checkout's history stays outside the image.
ARG COMMIT=unknown
ENV XTRINODE_COMMIT=${COMMIT}

WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin xtrinode

# Fail here rather than as "no such file or directory" on scratch: the binary must need no loader and stay under 20 MB.
RUN strip target/release/xtrinode \
 && ! readelf --program-headers target/release/xtrinode | grep -q INTERP \
 && test "$(stat -c %s target/release/xtrinode)" -lt 20000000

FROM scratch
LABEL org.opencontainers.image.title="trino-buffer-exporter" \
      org.opencontainers.image.description="What each Trino worker holds in its output buffers, for Prometheus" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/xtrinode /xtrinode
USER 65532:65532
EXPOSE 8000
ENTRYPOINT ["/xtrinode"]
CMD ["exporter", "--config", "/etc/xtrinode/config/config.yaml"]
