#!/usr/bin/env bash
# Throw-away certificates for development: an authority, a server's certificate and a client's, valid for 30 days.
# Not for production: the authority's key lies beside the rest.
#
#   certs/dev-certs.sh FOLDER [NAME...]
#
# NAME: what the server is called, DNS names or IPv4 addresses. Default: localhost, 127.0.0.1 and the chart's Service.
set -euo pipefail

DAYS=30

if (($# < 1)) || [[ $1 == -* ]]; then
    echo "usage: certs/dev-certs.sh FOLDER [NAME...]" >&2
    exit 2
fi
folder=$1
shift
names=("$@")
if ((${#names[@]} == 0)); then
    names=(localhost 127.0.0.1 xtrinode-guard.xtrinode-system.svc)
fi
if ! command -v openssl >/dev/null; then
    echo "dev-certs: needs openssl (1.1.1 or newer), which is not in PATH" >&2
    exit 1
fi
for file in ca tls client; do
    for kind in crt key; do
        if [[ -e $folder/$file.$kind ]]; then
            echo "dev-certs: $folder/$file.$kind is there already; name another folder, or remove it" >&2
            exit 1
        fi
    done
done
mkdir -p "$folder"
umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# new_key FILE
new_key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>"$scratch/log" || fail
}

# sign FILE COMMON_NAME: a certificate by our authority, with the extensions on standard input.
sign() {
    cat >"$scratch/$1.ext"
    new_key "$folder/$1.key"
    openssl req -new -key "$folder/$1.key" -subj "/CN=$2" -out "$scratch/$1.csr" 2>"$scratch/log" || fail
    openssl x509 -req -in "$scratch/$1.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
        -days "$DAYS" -sha256 -extfile "$scratch/$1.ext" -out "$folder/$1.crt" 2>"$scratch/log" || fail
}

fail() {
    echo "dev-certs: openssl failed:" >&2
    cat "$scratch/log" >&2
    exit 1
}

# Names as an extension wants them: DNS:a,IP:b
alternatives() {
    local list=() name
    for name in "${names[@]}"; do
        if [[ $name =~ ^[0-9]+(\.[0-9]+){3}$ ]]; then
            list+=("IP:$name")
        else
            list+=("DNS:$name")
        fi
    done
    local IFS=,
    echo "${list[*]}"
}

cat >"$scratch/ca.cnf" <<CNF
[req]
distinguished_name = name
x509_extensions = authority
prompt = no
[name]
CN = xtrinode development authority
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
CNF
new_key "$folder/ca.key"
openssl req -x509 -new -config "$scratch/ca.cnf" -key "$folder/ca.key" -days "$DAYS" -sha256 -out "$folder/ca.crt" 2>"$scratch/log" || fail

sign tls xtrinode-guard <<EXT
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $(alternatives)
EXT
sign client kube-apiserver <<EXT
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = DNS:kube-apiserver
EXT

cat <<TEXT
Made, valid for $DAYS days:
  $folder/ca.crt      the authority: caBundle of the webhook configurations, tls.clientCaFile of the guard
  $folder/ca.key      its key
  $folder/tls.crt     the server's certificate: tls.files.certFile, for ${names[*]}
  $folder/tls.key     its key: tls.files.keyFile
  $folder/client.crt  a client's certificate, for kube-apiserver
  $folder/client.key  its key
caBundle:
$(openssl base64 -A -in "$folder/ca.crt")
TEXT
