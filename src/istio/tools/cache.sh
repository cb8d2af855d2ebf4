# Functions for scripts that install real programs into a cache outside the checkout. For each tool, such a script defines:
# NAME_key (a key that changes with the tool), NAME_needs (the program that installs it), and the function build_NAME,
# which gets an empty folder; and if they are large, NAME_mb and NAME_build_mb (its size, and that of Go's caches) and NAME_s
# (seconds on two processors). The script ends with `get_tools "$@"`, which prints the folder of each tool as NAME=PATH.
# Under sudo, the cache is that of the user who calls it, if the user database has the user.
cache_user=
caller_home=
if [ "$(id -u)" = 0 ] && [ "${SUDO_UID:-0}" != 0 ] && [ -z "${MESHMOCK_TOOLS-}" ]; then
  caller_home=$(getent passwd "$SUDO_UID" | cut -d: -f6) || true
fi
if [ -n "$caller_home" ]; then
  cache_user=$SUDO_UID:${SUDO_GID:-$SUDO_UID}
  cache=$caller_home/.cache/meshmock/tools
else
  cache=${MESHMOCK_TOOLS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/meshmock/tools}
fi
export CGO_ENABLED=0

fail() {
  echo "meshmock: $*" >&2
  exit 1
}

# Programs that install tools, and how to get these programs.
declare -A how=(
  [go]='Go to compile it: https://go.dev/doc/install (with sudo, it must be on the PATH of root)'
  [pip]='pip to fetch it: apt-get install python3-pip'
  [apt-get]='apt-get to fetch it: use Debian or Ubuntu'
)

# Builds a program and prints progress. The number of packages is known before, and go prints each compiled package. The
# programs have no debug information, so compilers leave it out: a fifth less disk for their caches, and less time.
go_build() {
  local out=$1 package=$2 log all n=0
  shift 2
  log=$(mktemp)
  all=$(go list -deps "$@" "$package" | wc -l)
  if ! go build -v -trimpath -gcflags=all=-dwarf=false "$@" -o "$out" "$package" 2>&1 | tee "$log" | while read -r _; do
    n=$((n + 1))
    [ $((n % 200)) -ne 0 ] || echo "  ${package##*/}: $n of at most $all packages compiled$(time_left $((100 * n / all)))" >&2
  done; then
    tail -n 30 "$log" >&2
    rm "$log"
    fail "$package could not be built: see the messages of go above"
  fi
  rm "$log"
}

# Says how long the rest takes, at the speed so far. It gets the part of the current tool that is done, in percent.
time_left() {
  local done=$((100 * done_s + tool_s * $1)) all=$((100 * all_s)) passed=$((SECONDS - install_started))
  [ $((20 * done)) -gt "$all" ] || return 0
  echo ", about $(minutes $((passed * (all - done) / done))) left"
}

minutes() {
  if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$((($1 + 30) / 60)) min"; fi
}

# Installs a Go program with its version, such as PATH@v1.0.0, into a folder.
go_install() {
  GOFLAGS=-mod=mod GOBIN=$1 go install "$2"
}

# Makes a part of a key from standard input.
key_of() { sha256sum | cut -c1-12; }

# Prints the folder of a tool in the cache.
folder_of() {
  local key=${1}_key
  echo "$cache/$1-${!key}"
}

# Installs tools and prints their folders. With --folders before the names, it only prints them.
get_tools() {
  local absent=() missing=() tool needs
  if [ "${1-}" = --folders ]; then
    for tool in "${@:2}"; do echo "$tool=$(folder_of "$tool")"; done
    return
  fi
  for tool in "$@"; do [ -d "$(folder_of "$tool")" ] || absent+=("$tool"); done
  # Tools in the cache are complete, so nothing waits for other tools that another process installs.
  if [ ${#absent[@]} -gt 0 ]; then
    lock_cache
    [ -z "${MESHMOCK_TOOLS_URL-}" ] || fetch_tools "${absent[@]}"
    for tool in "${absent[@]}"; do
      needs=${tool}_needs
      [ -d "$(folder_of "$tool")" ] || command -v "${!needs}" > /dev/null || missing+=("$tool needs ${how[${!needs}]-${!needs} to install it}")
    done
    [ ${#missing[@]} -eq 0 ] || fail "$(printf '%s\n' "${missing[@]}")"
    install_tools "${absent[@]}"
  fi
  for tool in "$@"; do echo "$tool=$(folder_of "$tool")"; done
}

# Makes the cache and locks it. Only one process installs at a time. The next one finds the tools in the cache.
lock_cache() {
  as_cache_user mkdir -p "$cache"
  # Another user who could open the file could keep the lock.
  (umask 077 && touch "$cache/.lock" && chmod 600 "$cache/.lock")
  give_to_cache_user "$cache/.lock"
  exec 9> "$cache/.lock"
  flock -n 9 || {
    echo 'waiting for another meshmock that is installing tools' >&2
    flock 9
  }
}

as_cache_user() {
  if [ -z "$cache_user" ]; then "$@"
  else setpriv --reuid "${cache_user%:*}" --regid "${cache_user#*:}" --clear-groups "$@"; fi
}

give_to_cache_user() {
  [ -z "$cache_user" ] || chown -R -h "$cache_user" "$@"
}

# Puts a complete tool into the cache. Other users may read it, since a cache can be shared.
keep_tool() {
  chmod -R a+rX "$2"
  give_to_cache_user "$2"
  mv -T "$2" "$(folder_of "$1")"
}

# Sums up a number of tools, such as NAME_mb. A tool without it counts as 10.
sum_of() {
  local what=$1 sum=0 tool key
  for tool in "${@:2}"; do
    key=${tool}_$what
    sum=$((sum + ${!key:-10}))
  done
  echo "$sum"
}

install_tools() {
  local tool key folder started left=() disk_mb free_mb
  for tool in "$@"; do [ -d "$(folder_of "$tool")" ] || left+=("$tool"); done
  [ ${#left[@]} -gt 0 ] || return 0
  disk_mb=$(($(sum_of mb "${left[@]}") + $(sum_of build_mb "${left[@]}")))
  free_mb=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
  echo "installing ${left[*]} into $cache (first time only): $disk_mb MB of disk until it is done, then $(sum_of mb "${left[@]}") MB; about $(minutes "$(sum_of s "${left[@]}")") on two processors" >&2
  [ "$free_mb" -ge "$disk_mb" ] || fail "$cache has $free_mb MB of free disk, and $disk_mb MB are needed: make room, or set MESHMOCK_TOOLS to a folder on another disk"
  own_caches
  done_s=0 all_s=$(sum_of s "${left[@]}") install_started=$SECONDS
  for tool in "${left[@]}"; do
    key=${tool}_key folder=$(folder_of "$tool") tool_s=$(sum_of s "$tool")
    started=$SECONDS
    echo "installing $tool ${!key}$(time_left 0)" >&2
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    "build_$tool" "$folder.new" >&2
    keep_tool "$tool" "$folder.new"
    done_s=$((done_s + tool_s))
    echo "installed $tool in $((SECONDS - started)) s" >&2
  done
  remove_own_caches
}

# Lets Go and pip use caches that are removed afterwards: gigabytes that nothing needs any more. Modules that the user
# has already are not fetched again. Somebody who sets GOCACHE or GOMODCACHE keeps them, to build again faster. Temporary
# files are there too: an interrupted go leaves gigabytes of them.
own_caches() {
  local modules proxy
  build_caches=$cache/.build
  trap remove_own_caches EXIT
  remove_own_caches
  if [ -z "${GOMODCACHE-}" ] && command -v go > /dev/null; then
    modules=$(go env GOMODCACHE) proxy=$(go env GOPROXY)
    [ ! -d "$modules/cache/download" ] || export GOPROXY="file://$modules/cache/download,$proxy"
  fi
  export GOMODCACHE=${GOMODCACHE:-$build_caches/modules} GOCACHE=${GOCACHE:-$build_caches/build}
  export GOPATH=${GOPATH:-$build_caches/go} TMPDIR=$build_caches/temporary PIP_NO_CACHE_DIR=1
  mkdir -p "$TMPDIR"
}

remove_own_caches() {
  [ -d "$build_caches" ] || return 0
  # Go makes its modules read-only.
  chmod -R u+w "$build_caches"
  rm -rf "$build_caches"
}

# Fetches ready-made tools. MESHMOCK_TOOLS_URL is URL#sha256=HEX: the folder of archives that make-archives.sh makes, and
# the checksum of SHA256SUMS in it. A tool that is not there in this version is built.
fetch_tools() {
  local url=${MESHMOCK_TOOLS_URL%%#*} sum=${MESHMOCK_TOOLS_URL#*#sha256=} work tool archive folder
  [[ $sum =~ ^[0-9a-f]{64}$ ]] || fail 'MESHMOCK_TOOLS_URL has no checksum: add #sha256= and the SHA-256 of its file SHA256SUMS'
  command -v curl > /dev/null || fail 'MESHMOCK_TOOLS_URL needs curl'
  work=$cache/.fetch
  rm -rf "$work"
  mkdir "$work"
  fetch "$url/SHA256SUMS" "$work/SHA256SUMS"
  check_sum "$work/SHA256SUMS" "$sum" "$url/SHA256SUMS"
  for tool in "$@"; do
    folder=$(folder_of "$tool") archive=$(archive_of "$tool")
    sum=$(awk -v name="$archive" '$2 == name { print $1 }' "$work/SHA256SUMS")
    if [ -d "$folder" ]; then continue; fi
    if [ -z "$sum" ]; then
      echo "$url has no $archive: $tool is built" >&2
      continue
    fi
    echo "fetching $archive" >&2
    fetch "$url/$archive" "$work/$archive"
    check_sum "$work/$archive" "$sum" "$url/$archive"
    mkdir "$work/$tool"
    tar -xzf "$work/$archive" -C "$work/$tool" --no-same-owner
    keep_tool "$tool" "$work/$tool"
  done
  rm -rf "$work"
}

# Prints the name of a tool's archive, which contains the key of its version.
archive_of() {
  local machine
  machine=$(uname -m)
  case $machine in x86_64) machine=amd64 ;; aarch64) machine=arm64 ;; esac
  echo "$(basename "$(folder_of "$1")")-linux-$machine.tar.gz"
}

fetch() {
  curl --fail --silent --show-error --location --retry 2 --output "$2" "$1" || fail "$1 could not be fetched: see the message of curl above"
}

check_sum() {
  local found
  found=$(sha256sum "$1" | cut -d' ' -f1)
  [ "$found" = "$2" ] || fail "$3 has the checksum $found, and not $2"
}
