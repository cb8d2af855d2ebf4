# Parts that the scripts of both actions share: the image in IMAGE, and how inputs are read. It is sourced, not run.

if [ -z "${IMAGE:-}" ]; then
  if [ -z "${ACTION_REPOSITORY:-}" ]; then
    echo '::error title=meshmock::an action from the own checkout has no image in a registry: set the input "image"'
    exit 2
  fi
  version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../../package.json")
  # Names in the registry have no capitals.
  IMAGE=ghcr.io/${ACTION_REPOSITORY,,}/mesh:$version
fi

# Prints the lines of an input that are not empty, without the spaces around them.
lines_of() { sed 's/^[[:space:]]*//; s/[[:space:]]*$//; /^$/d' <<< "$1"; }
# Words, as in a shell: `read` knows no quotes.
words_of() { tr -s '[:space:]' '\n' <<< "$1" | sed '/^$/d'; }

# The container writes as root, so its files are not in the repository.
results=$RUNNER_TEMP/meshmock
mkdir -p "$results"

# Options of docker for a local mesh that sees the repository read-only.
container=(--rm --cap-add=SYS_ADMIN --cap-add=NET_ADMIN --security-opt=apparmor=unconfined
  --volume="$GITHUB_WORKSPACE:/repo:ro" --workdir=/repo)
