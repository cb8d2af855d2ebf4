#!/usr/bin/env bash
# install.sh TOOL…: gets the real programs that only tests need, and prints the folder of each as NAME=PATH.
# The others, and where all of them are kept: src/istio/tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../src/istio/tools/cache.sh"

get_tools "$@"
