# Functions for scripts that install real programs into a cache outside the checkout. For each tool, such a script defines:
# NAME_key (a key that changes with the tool), NAME_needs (the program that installs it), and the function build_NAME,
# which gets an empty folder. The script ends with `get_tools "$@"`, which prints the folder of each tool as NAME=PATH.
cache=${MESHMOCK_TOOLS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/meshmock/tools}
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

# Builds a program and prints progress. The number of packages is known before, and go prints each compiled package.
go_build() {
  local out=$1 package=$2 log all
  shift 2
  log=$(mktemp)
  all=$(go list -deps "$@" "$package" | wc -l)
  if ! go build -v -trimpath "$@" -o "$out" "$package" 2>&1 | tee "$log" |
    awk -v all="$all" -v name="${package##*/}" '++n % 200 == 0 { print "  " name ": " n " of at most " all " packages compiled" }' >&2; then
    tail -n 30 "$log" >&2
    rm "$log"
    fail "$package could not be built: see the messages of go above"
  fi
  rm "$log"
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
  for tool in "$@"; do
    needs=${tool}_needs
    [ -d "$(folder_of "$tool")" ] && continue
    absent+=("$tool")
    command -v "${!needs}" > /dev/null || missing+=("$tool needs ${how[${!needs}]}")
  done
  [ ${#missing[@]} -eq 0 ] || fail "$(printf '%s\n' "${missing[@]}")"
  # Tools in the cache are complete, so nothing waits for other tools that another process installs.
  [ ${#absent[@]} -eq 0 ] || install_tools "${absent[@]}"
  for tool in "$@"; do echo "$tool=$(folder_of "$tool")"; done
}

install_tools() {
  local tool key folder started
  mkdir -p "$cache"
  # Only one process installs at a time. The next one finds the tools in the cache.
  # Another user who could open the file could keep the lock.
  (umask 077 && touch "$cache/.lock" && chmod 600 "$cache/.lock")
  exec 9> "$cache/.lock"
  flock -n 9 || {
    echo 'waiting for another meshmock that is installing tools' >&2
    flock 9
  }
  for tool in "$@"; do
    key=${tool}_key folder=$(folder_of "$tool")
    [ ! -d "$folder" ] || continue
    started=$SECONDS
    echo "installing $tool ${!key} into $cache (first time only)" >&2
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    "build_$tool" "$folder.new" >&2
    mv -T "$folder.new" "$folder"
    echo "installed $tool in $((SECONDS - started)) s" >&2
  done
}
