#!/usr/bin/env bash
# The comment of ci/diff/action.yml: writes the report into the comment of an earlier run, or into a new one. It needs gh, and
# the variables GH_TOKEN, REPORT and NUMBER.
set -euo pipefail
# Without a report, the step before has failed.
[ -s "$REPORT" ] || exit 0

# Other actions may write with the same token. The marker, which GitHub does not show, names our comment.
marker='<!-- meshmock diff -->'
body=$(mktemp)
trap 'rm -f "$body"' EXIT
{ echo "$marker" && cat "$REPORT"; } > "$body"

comments=repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments
ours=".[] | select(.body | startswith(\"$marker\")) | .id"
found=$(gh api --paginate "$comments?per_page=100" --jq "$ours")
id=${found%%$'\n'*}
if [ -n "$id" ]; then
  gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" --field "body=@$body"
else
  gh api --silent --method POST "$comments" --field "body=@$body"
fi
