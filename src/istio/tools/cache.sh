# Sourced by scripts that get real programs, once, into a cache outside the checkout. Such a script has, for each tool, its
# NAME_key (all that makes another of it), NAME_needs (what it is got with) and the function build_NAME, which is called
# with an empty folder; and ends with `get_tools "$@"`, which prints the folder of each as NAME=PATH.
cache=${MESHMOCK_TOOLS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/meshmock/tools}
export CGO_ENABLED=0

fail() {
  echo "meshmock: $*" >&2
  exit 1
}

# What tools are got with, and where one has it from.
declare -A how=(
  [go]='Go, which compiles it: https://go.dev/doc/install (under sudo, it must be on root'"'"'s PATH)'
  [pip]='pip, which fetches it: apt-get install python3-pip'
  [apt-get]='apt-get, which fetches it: a machine with Debian or Ubuntu'
)

# Builds a program and says how far it is: its packages are counted before, go names each that it has compiled.
go_build() {
  local out=$1 package=$2 log all
  shift 2
  log=$(mktemp)
  all=$(go list -deps "$@" "$package" | wc -l)
  if ! go build -v -trimpath "$@" -o "$out" "$package" 2>&1 | tee "$log" |
    awk -v all="$all" -v name="${package##*/}" '++n % 200 == 0 { print "  " name ": " n " of at most " all " packages compiled" }' >&2; then
    tail -n 30 "$log" >&2
    rm "$log"
    fail "$package could not be built: what go said stands above"
  fi
  rm "$log"
}

# Installs a Go program, named with its version, into a folder.
go_install() {
  GOFLAGS=-mod=mod GOBIN=$1 go install "$2"
}

# Makes a part of a key of what is read.
key_of() { sha256sum | cut -c1-12; }

get_tools() {
  local missing=() tool key needs folder started
  for tool in "$@"; do
    key=${tool}_key needs=${tool}_needs
    [ -d "$cache/$tool-${!key}" ] || command -v "${!needs}" > /dev/null || missing+=("$tool needs ${how[${!needs}]}")
  done
  [ ${#missing[@]} -eq 0 ] || fail "$(printf '%s\n' "${missing[@]}")"

  mkdir -p "$cache"
  # Two at once would write the same folder: the second finds what the first got.
  exec 9> "$cache/.lock"
  flock -n 9 || {
    echo 'another meshmock is getting tools: waiting for it' >&2
    flock 9
  }
  for tool in "$@"; do
    key=${tool}_key
    folder=$cache/$tool-${!key}
    if [ ! -d "$folder" ]; then
      started=$SECONDS
      echo "getting $tool ${!key}, once: it stays in $cache" >&2
      rm -rf "$folder.new"
      mkdir -p "$folder.new"
      "build_$tool" "$folder.new" >&2
      mv -T "$folder.new" "$folder"
      echo "got $tool in $((SECONDS - started)) s" >&2
    fi
    echo "$tool=$folder"
  done
}
