#!/bin/sh
# Makes the certificates of the tests beside it anew, each with its key in one file. They open nothing: tests alone use
# them, on this machine alone. Kept as files, so that `make test` needs no openssl.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

authority() { # NAME FILE
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj "/CN=$1" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
        -keyout "$scratch/$2.key" -out "$scratch/$2.pem" 2>/dev/null
}

signed() { # AUTHORITY FILE HOST BEGIN END
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" \
        -keyout "$scratch/$2.key" -out "$scratch/$2.csr" 2>/dev/null
    : > "$scratch/index"
    printf '[ca]\ndefault_ca=own\n[own]\ndatabase=%s/index\nnew_certs_dir=%s\nserial=%s/serial\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n[leaf]\nsubjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n' \
        "$scratch" "$scratch" "$scratch" "$3" > "$scratch/ca.conf"
    openssl ca -batch -config "$scratch/ca.conf" -rand_serial -extensions leaf -startdate "$4" -enddate "$5" -notext \
        -cert "$scratch/$1.pem" -keyfile "$scratch/$1.key" -in "$scratch/$2.csr" -out "$scratch/$2.pem" 2>/dev/null
    cat "$scratch/$2.pem" "$scratch/$2.key" > "$2.pem"
}

authority "an authority of our own" trusted
authority "an authority that nobody knows" unknown
cp "$scratch/trusted.pem" authority.pem
signed trusted good localhost 20250101000000Z 21241231000000Z
signed trusted wrong-name shop.example 20250101000000Z 21241231000000Z
signed trusted expired localhost 20240101000000Z 20250101000000Z
signed unknown unknown-authority localhost 20250101000000Z 21241231000000Z
