#!/usr/bin/env bash
# The step of ci/diff/action.yml: runs `meshmock diff` in the image of the local mesh, and adds the report to the summary of
# the step. It needs docker, and the variables of the action's inputs: OLD, NEW, MANIFESTS, FAIL_ON, ARGUMENTS, IMAGE.
set -euo pipefail
# shellcheck source=.github/action/image.sh
. "$(dirname "${BASH_SOURCE[0]}")/image.sh"

mapfile -t manifests < <(lines_of "${MANIFESTS:-}")
mapfile -t arguments < <(words_of "${ARGUMENTS:-}")
case "$FAIL_ON" in
  any | none) gate=() ;;
  *) gate=("--fail-on=$FAIL_ON") ;;
esac

report=$results/diff.md
echo "report=$report" >> "$GITHUB_OUTPUT"
code=0
docker run "${container[@]}" "$IMAGE" diff --format=markdown "${gate[@]}" "${manifests[@]/#/--manifests=}" \
  "${arguments[@]}" "$OLD" "$NEW" > "$report" || code=$?
cat "$report"
cat "$report" >> "$GITHUB_STEP_SUMMARY"
if [ "$code" -gt 1 ]; then
  echo '::error title=meshmock diff::the snapshots were not compared: the log of this step says why'
elif [ "$code" -eq 1 ] && [ "$FAIL_ON" = none ]; then
  code=0
elif [ "$code" -eq 1 ]; then
  echo '::error title=meshmock diff::the behaviour of the mesh differs: the summary of this step says how'
fi
exit "$code"
