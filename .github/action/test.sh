#!/usr/bin/env bash
# The step of action.yml: runs `meshmock test` in the image of the local mesh. It needs docker, and the variables of the
# action's inputs: TESTS, MANIFESTS, ARGUMENTS, IMAGE.
set -euo pipefail
# shellcheck source=.github/action/image.sh
. "$(dirname "${BASH_SOURCE[0]}")/image.sh"

mapfile -t tests < <(lines_of "$TESTS")
mapfile -t manifests < <(lines_of "${MANIFESTS:-}")
mapfile -t arguments < <(words_of "${ARGUMENTS:-}")

echo "junit=$results/junit.xml" >> "$GITHUB_OUTPUT"

exec docker run "${container[@]}" --volume="$results:/results" --volume="$GITHUB_STEP_SUMMARY:/summary" \
  --env=GITHUB_WORKSPACE=/repo --env=GITHUB_STEP_SUMMARY=/summary \
  --env=GITHUB_SERVER_URL --env=GITHUB_REPOSITORY --env=GITHUB_SHA \
  "$IMAGE" test --github --junit=/results/junit.xml "${manifests[@]/#/--manifests=}" "${arguments[@]}" -- "${tests[@]}"
