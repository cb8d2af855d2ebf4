#!/usr/bin/env bash
# The step of action.yml: runs `meshmock test` in the image of the local mesh. It needs docker, and the variables of the
# action's inputs: TESTS, MANIFESTS, ARGUMENTS, IMAGE.
set -euo pipefail

if [ -z "${IMAGE:-}" ]; then
  if [ -z "${ACTION_REPOSITORY:-}" ]; then
    echo '::error title=meshmock::an action from the own checkout has no image in a registry: set the input "image"'
    exit 2
  fi
  version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$GITHUB_ACTION_PATH/package.json")
  # Names in the registry have no capitals.
  IMAGE=ghcr.io/${ACTION_REPOSITORY,,}/mesh:$version
fi

# Prints the lines of an input that are not empty, without the spaces around them.
lines_of() { sed 's/^[[:space:]]*//; s/[[:space:]]*$//; /^$/d' <<< "$1"; }
mapfile -t tests < <(lines_of "$TESTS")
mapfile -t manifests < <(lines_of "${MANIFESTS:-}")
# Words, as in a shell: `read` knows no quotes.
read -ra arguments <<< "$(tr '\n' ' ' <<< "${ARGUMENTS:-}")"

# The container writes as root, so its file is not in the repository.
results=$RUNNER_TEMP/meshmock
mkdir -p "$results"
echo "junit=$results/junit.xml" >> "$GITHUB_OUTPUT"

exec docker run --rm --cap-add=SYS_ADMIN --cap-add=NET_ADMIN --security-opt=apparmor=unconfined \
  --volume="$GITHUB_WORKSPACE:/repo:ro" --volume="$results:/results" --volume="$GITHUB_STEP_SUMMARY:/summary" \
  --env=GITHUB_WORKSPACE=/repo --env=GITHUB_STEP_SUMMARY=/summary \
  --env=GITHUB_SERVER_URL --env=GITHUB_REPOSITORY --env=GITHUB_SHA --workdir=/repo \
  "$IMAGE" test --github --junit=/results/junit.xml "${manifests[@]/#/--manifests=}" "${arguments[@]}" -- "${tests[@]}"
