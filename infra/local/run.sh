#!/usr/bin/env bash
# Builds the product twice, unchanged and in a changed version, deploys it with the SAM CLI
# into an emulator of AWS on this computer, and runs the tests of this folder. README.md
# says what a passing run proves and what it does not. Asks for no input, and leaves nothing
# behind except .cache/.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

[ "$(uname -s)" = Linux ] || { echo 'deploy-local runs the functions, which are built for Linux: run it on Linux' >&2; exit 1; }
case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "Lambda does not support this processor ($(uname -m))" >&2; exit 1 ;;
esac
for tool in go python3; do command -v "$tool" >/dev/null || { echo "deploy-local needs $tool" >&2; exit 1; }; done

# Nothing here uses an AWS account, so no variable of one is passed on.
while read -r name; do unset "$name"; done < <(compgen -e | grep '^AWS_' || true)
unset MAKEFLAGS MFLAGS MAKELEVEL
export SAM_CLI_TELEMETRY=0 SAM_CLI_CHECK_LATEST_VERSION=0

scratch=$(mktemp -d "${TMPDIR:-/tmp}/aws-access-local-XXXXXX")
running=
clean_up() {
  [ -z "$running" ] || { kill -KILL "$running" && wait "$running"; } 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

began=$SECONDS
took() { printf '%4d s  %s\n' $((SECONDS - began)) "$1"; began=$SECONDS; }

sam=$(.ci/tools/venv sam)/sam
ministack=$(.ci/tools/venv ministack)/ministack
took 'tools'

build() { # directory, policy; GOFLAGS can change the program
  ARCH=$arch POLICY=$2 "$sam" build --config-file "$root/samconfig.example.toml" --build-dir "$1" >"$1.log" 2>&1 || { cat "$1.log" >&2; exit 1; }
}
build "$scratch/first" policy.yaml
took 'sam build'

# The same program with the template that the upgrade begins with: that of a stack whose
# secrets are encrypted with SSM's key.
mkdir "$scratch/before"
cp -r "$scratch"/first/*Function "$scratch/before/"
awk '/^  [A-Za-z]+Function:$/ { f = $1; sub(":", "", f) }
  { print }
  f && /^    Properties:$/ { print "      CodeUri: " f; f = "" }' infra/local/testdata/before.yaml >"$scratch/before/template.yaml"

# A changed version: another policy, which allows reading in production for three hours
# instead of four, and another program, which says "Second version" in its help.
change() { # original, changed copy, expression of sed
  mkdir -p "$(dirname "$2")"
  sed "$3" "$1" >"$2"
  ! cmp -s "$1" "$2" || { echo "$1 has changed: $3 does not change it" >&2; exit 1; }
}
change policy.yaml "$scratch/policy.yaml" '/name: look at production/,/max:/s/max: 4h/max: 3h/'
change pkg/slackui/answers.go "$scratch/answers.go" 's/for a stated reason\./for a stated reason. Second version./'
printf '{"Replace": {"%s": "%s"}}' "$root/pkg/slackui/answers.go" "$scratch/answers.go" >"$scratch/overlay.json"
GOFLAGS="${GOFLAGS:-} -overlay=$scratch/overlay.json" build "$scratch/second" "$scratch/policy.yaml"
took 'sam build, of a changed version'

go build -o "$scratch/aws-access" ./cmd/aws-access
go test -tags deployed -c -o "$scratch/local.test" ./infra/local
took 'go build of the command and the tests'

# The tests run in a network namespace, from which they cannot reach the real AWS by
# mistake, and in a process namespace, which ends all their processes. If this user may not
# make namespaces, they run on loopback.
export LOCAL_MINISTACK=$ministack LOCAL_SAM=$sam LOCAL_OPERATE=$scratch/aws-access LOCAL_SCRATCH=$scratch
export LOCAL_BEFORE=$scratch/before LOCAL_FIRST=$scratch/first LOCAL_SECOND=$scratch/second
cd infra/local
namespaces=(unshare --net --pid --fork --kill-child --mount-proc)
up='ip link set lo up && exec "$@"'
if "${namespaces[@]}" sh -c "$up" sh true 2>/dev/null; then
  within=("${namespaces[@]}" sh -c "$up" sh)
elif "${namespaces[@]}" --map-root-user sh -c "$up" sh true 2>/dev/null; then
  within=("${namespaces[@]}" --map-root-user sh -c "$up" sh)
else
  echo 'this user may not make a network namespace (unshare): running on loopback'
  within=(env)
fi
"${within[@]}" "$scratch/local.test" -test.v -test.timeout 10m &
running=$!
code=0
wait "$running" || code=$?
running=
took 'deploy, use, update, delete'
exit $code
