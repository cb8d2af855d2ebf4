#!/usr/bin/env bash
# make-archives.sh OUT [SCRIPT]: makes an archive of each tool of a local mesh, for MESHMOCK_TOOLS_URL. Serve the folder
# OUT over HTTP. The tools are installed first if they are not in the cache. The same tools make the same archives.
# SCRIPT installs the tools; install.sh here if it is not given.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?give the folder of the archives}
script=${2:-$here/install.sh}
tools=${TOOLS:-istio envoy jaeger kube istioctl cluster}
case $(uname -m) in x86_64) machine=amd64 ;; aarch64) machine=arm64 ;; *) machine=$(uname -m) ;; esac
mkdir -p "$out"
: > "$out/SHA256SUMS"
# shellcheck disable=SC2086
"$script" $tools | while IFS='=' read -r _ folder; do
  archive=$(basename "$folder")-linux-$machine.tar.gz
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=a+rX -cf - -C "$folder" . | gzip -n > "$out/$archive"
  (cd "$out" && sha256sum "$archive" >> SHA256SUMS)
done
echo "MESHMOCK_TOOLS_URL=https://HOST/FOLDER#sha256=$(sha256sum "$out/SHA256SUMS" | cut -d' ' -f1)"
