#!/usr/bin/env bash
# Checks four things: template.yaml and infra/member/roles.yaml give the permissions of
# table.md; infra/organization/aws-actions.txt is the list of AWS's actions in the pinned
# package; each action in ways-in.yaml there is denied where the file says so; and the
# policy of a cut denies the sessions of revoked grants and nobody else's. It needs node 20,
# npm and Python, and their registries if the packages are not cached.
#
#   run.sh          everything: the table, and that widening any statement fails the check
#   run.sh --all    also prints which row failed for each widened statement
set -euo pipefail
cd "$(dirname "$0")"
export PYTHONDONTWRITEBYTECODE=1
PYTHON=$(../../.ci/tools/venv sam)/python
export PYTHON
npm ci --loglevel=error --prefer-offline --no-audit --no-fund >/dev/null
node actions.mjs
"$PYTHON" -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <../organization/ways-in.yaml | node ways.mjs
node denies.mjs
"$PYTHON" translate_test.py
exec node prove.mjs --mutate "$@"
