#!/bin/sh
# Makes the certificates of this lab with openssl: ca.crt, client.crt, client.key, other.crt, other.key and certificates.yaml.
# They are for tests only. The keys of both authorities are deleted, so no more certificates can be signed.
set -e
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'

# authority NAME: makes an authority for 100 years.
authority() {
  openssl req -x509 $key -days 36500 -subj "/O=meshmock labs/CN=$1" -keyout "$folder/$1.key" -out "$folder/$1.crt" 2>/dev/null
}

# certificate NAME AUTHORITY: makes a certificate that the authority signs.
certificate() {
  openssl req -x509 $key -days 36500 -subj "/CN=$1" -addext "subjectAltName=DNS:$1" -addext basicConstraints=critical,CA:FALSE \
    -CA "$folder/$2.crt" -CAkey "$folder/$2.key" -keyout "$folder/$1.key" -out "$folder/$1.crt" 2>/dev/null
}

# field NAME FILE: prints a field of a Secret.
field() {
  printf '  %s: |\n' "$1"
  sed 's/^/    /' "$2"
}

# secret NAME HOST: prints the Secret of a host, in the namespace of the ingress gateway.
secret() {
  printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: istio-system\nstringData:\n' "$1"
  field tls.crt "$folder/$2.crt"
  field tls.key "$folder/$2.key"
}

authority authority
authority other-authority
for name in shop.example.com partners.example.com buyer.partner.example; do certificate "$name" authority; done
certificate buyer.other.example other-authority

{
  echo '# Certificates of two hosts, made by certificates.sh. They and their keys are for tests only.'
  secret shop-cert shop.example.com
  echo ---
  echo '# ca.crt is the authority that must have signed the certificates of clients.'
  secret partners-cert partners.example.com
  field ca.crt "$folder/authority.crt"
} >certificates.yaml
cp "$folder/authority.crt" ca.crt
cp "$folder/buyer.partner.example.crt" client.crt
cp "$folder/buyer.partner.example.key" client.key
cp "$folder/buyer.other.example.crt" other.crt
cp "$folder/buyer.other.example.key" other.key
