#!/bin/sh
# Compares the cases of testdata/evaluate with iam-simulate. Needs node 20 and npm,
# and the npm registry if the packages are not in npm's cache.
set -eu
cd "$(dirname "$0")"
npm ci --loglevel=error --prefer-offline --no-audit --no-fund
exec node compare.mjs
