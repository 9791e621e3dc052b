#!/usr/bin/env bash
# Proves table.md against template.yaml and infra/member/roles.yaml, and that the list
# of AWS's actions in infra/organization is that of the pinned package, and that what
# ways-in.yaml there says of each is so. Needs node 20,
# npm and Python, and their registries when the packages are not in the caches.
#
#   run.sh          everything: the table, and that widening a statement turns it red
#   run.sh --all    also says, for each widened statement, which row turned red
set -euo pipefail
cd "$(dirname "$0")"
export PYTHONDONTWRITEBYTECODE=1
PYTHON=$(../../.ci/tools/venv sam)/python
export PYTHON
npm ci --loglevel=error --prefer-offline --no-audit --no-fund >/dev/null
node actions.mjs
"$PYTHON" -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <../organization/ways-in.yaml | node ways.mjs
"$PYTHON" translate_test.py
exec node prove.mjs --mutate "$@"
