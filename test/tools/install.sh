#!/usr/bin/env bash
# install.sh TOOL…: builds the real programs that the longer suites test against, once, into a cache outside the
# checkout, and prints the folder of each as NAME=PATH. Needs Go and its module proxy. Tools: jaeger, grpcurl.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${MESHMOCK_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/meshmock/tools}
export CGO_ENABLED=0 GOFLAGS=-mod=mod

# The cache is keyed by version and by what we put in place of a tool's own source.
jaeger_version=v1.76.0
jaeger_key=$jaeger_version-$(cat "$here"/jaeger/*.go | sha256sum | cut -c1-12)
grpcurl_key=v1.9.4

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
  GOFLAGS=-mod=readonly go build -trimpath -ldflags '-s -w' -o "$1/jaeger" ./cmd/jaeger
)

build_grpcurl() {
  GOBIN=$1 go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_key"
}

for tool in "$@"; do
  key=${tool}_key
  folder=$cache/$tool-${!key}
  if [ ! -x "$folder/$tool" ]; then
    started=$SECONDS
    echo "building $tool ${!key} (a minute or two, once)" >&2
    mkdir -p "$folder.new"
    "build_$tool" "$folder.new" >&2
    mv -T "$folder.new" "$folder"
    echo "built $tool in $((SECONDS - started)) s" >&2
  fi
  echo "$tool=$folder/$tool"
done
