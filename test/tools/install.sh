#!/usr/bin/env bash
# install.sh TOOL…: gets the real programs that only tests need, and prints the folder of each as NAME=PATH.
# The others, and where all of them are kept: src/istio/tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../src/istio/tools/cache.sh"

# The schema of compose files.
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
