#!/bin/sh
# Makes the certificates of this lab with openssl: certificates.yaml. They are for tests only. The key of their authority is
# deleted, so no more certificates can be signed.
set -e
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
openssl req -x509 $key -days 36500 -subj "/O=meshmock labs/CN=authority" -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null

# certificate NAME: makes a certificate that the authority signs.
certificate() {
  openssl req -x509 $key -days 36500 -subj "/CN=$1" -addext "subjectAltName=DNS:$1" -addext basicConstraints=critical,CA:FALSE \
    -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -keyout "$folder/$1.key" -out "$folder/$1.crt" 2>/dev/null
}

# field NAME FILE: prints a field of a Secret.
field() {
  printf '  %s: |\n' "$1"
  sed 's/^/    /' "$2"
}

# secret NAME NAMESPACE HOST: prints the Secret of a certificate, with the authority that the other end must have.
secret() {
  printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\nstringData:\n' "$1" "$2"
  field tls.crt "$folder/$3.crt"
  field tls.key "$folder/$3.key"
  field ca.crt "$folder/ca.crt"
}

certificate bank.outside
certificate shop.example.com
{
  echo '# Certificates of the bank and of its client, made by certificates.sh. They and their keys are for tests only.'
  printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: outside\n  labels:\n    istio-injection: disabled\n---\n'
  secret bank-cert outside bank.outside
  echo ---
  echo '# The egress gateway reads it, so it is in the namespace of the gateway.'
  secret bank-client istio-system shop.example.com
} >certificates.yaml
