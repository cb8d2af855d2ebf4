#!/usr/bin/env bash
# mesh-tools.sh FOLDER: collects the programs of the local mesh for the image `mesh`, with their licences. It builds what
# the cache of tools does not have: src/istio/tools/install.sh says what that needs.
#
#   FOLDER/tools/NAME/NAME-KEY/      the programs, as in the cache of tools
#   FOLDER/licences/MODULE@VERSION/  licences and notices of the Go modules that are compiled into them
set -euo pipefail
out=${1:?usage: mesh-tools.sh FOLDER}
root=$(cd "$(dirname "$0")/.." && pwd)

installed=$("$root/src/istio/tools/install.sh" istio envoy jaeger kube istioctl cluster)
rm -rf "$out/tools" "$out/licences"
mkdir -p "$out/tools" "$out/licences/envoy" "$out/licences/go"
while IFS='=' read -r name folder; do
  mkdir "$out/tools/$name"
  cp -a "$folder" "$out/tools/$name/"
done <<< "$installed"
rm -rf "$out"/tools/istio/*/samples

# Prints the modules that are compiled into a program. A line with an arrow replaces the line before. A program that is
# built in a folder of this repository has no version.
modules_of() {
  go version -m "$1" | awk '
    $1 == "mod" && $3 == "(devel)" { next }
    $1 == "mod" || $1 == "dep" || $1 == "=>" { if ($1 != "=>") n++; module[n] = $2 "@" $3 }
    END { for (i = 1; i <= n; i++) print module[i] }'
}

# Fails if a module has no licence.
copy_licences() {
  local module=$1 source=$2
  mkdir -p "$out/licences/$module"
  find "$source" -maxdepth 1 -type f -iregex '.*/\(licen[cs]e\|notice\|copying\|copyright\|patents\|authors\).*' \
    -exec cp {} "$out/licences/$module/" \;
  rmdir "$out/licences/$module" 2> /dev/null || return 0
  echo "meshmock: $module has no licence in its folder" >&2
  return 1
}

empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
cd "$empty"
printf 'module licences\n' > go.mod
# Jaeger is built from a copy of its module, so the program does not name it.
jaeger=$(sed -n 's/^jaeger_version=//p' "$root/src/istio/tools/install.sh")
mapfile -t modules < <({
  find "$out/tools" -type f -perm /111 ! -name envoy | while read -r program; do modules_of "$program"; done
  echo "github.com/jaegertracing/jaeger@$jaeger"
} | sort -u)
missing=0
while IFS=$'\t' read -r module folder; do
  copy_licences "$module" "$folder" || missing=$((missing + 1))
done < <(go mod download -json "${modules[@]}" | awk -F'"' '
  $2 == "Path" { path = $4 } $2 == "Version" { version = $4 } $2 == "Dir" { print path "@" version "\t" $4 }')
cp "$(go env GOROOT)/LICENSE" "$out/licences/go/"
cp "$root/LICENSE" "$out/licences/envoy/"
cat > "$out/licences/envoy/README" << 'TEXT'
Envoy has the licence Apache-2.0. The libraries that are compiled into it, with their licences:
https://github.com/envoyproxy/envoy/blob/main/bazel/repository_locations.bzl
TEXT
[ "$missing" -eq 0 ] || exit 1
echo "${#modules[@]} modules, $(du -sh "$out/tools" | cut -f1) of tools, $(du -sh "$out/licences" | cut -f1) of licences" >&2
