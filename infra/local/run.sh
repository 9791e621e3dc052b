#!/usr/bin/env bash
# Builds the product twice, as it is and in a changed version, deploys it with the SAM CLI
# into an AWS that is played on this computer, and runs the story of a request through it.
# README.md says what a green run proves and what it does not. Asks nothing, and leaves
# nothing behind but .cache/.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

[ "$(uname -s)" = Linux ] || { echo 'deploy-local runs the functions themselves, which are built for Linux: run it there' >&2; exit 1; }
case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "Lambda has no processor like this one ($(uname -m))" >&2; exit 1 ;;
esac
for tool in go python3; do command -v "$tool" >/dev/null || { echo "deploy-local needs $tool" >&2; exit 1; }; done

# Nothing here uses an account: whoever has one in the environment keeps it out.
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

build() { # into, policy; what else differs is in the environment
  ARCH=$arch POLICY=$2 "$sam" build --config-file "$root/samconfig.example.toml" --build-dir "$1" >"$1.log" 2>&1 || { cat "$1.log" >&2; exit 1; }
}
build "$scratch/first" policy.yaml
took 'sam build'

# The same program under the template that an upgrade begins with: that of a stack whose
# secrets lie under SSM's own key.
mkdir "$scratch/before"
cp -r "$scratch"/first/*Function "$scratch/before/"
awk '/^  [A-Za-z]+Function:$/ { f = $1; sub(":", "", f) }
  { print }
  f && /^    Properties:$/ { print "      CodeUri: " f; f = "" }' infra/local/testdata/before.yaml >"$scratch/before/template.yaml"

# A changed version: another policy, in which production may be looked at for three hours
# instead of four, and another program, that says so when it is asked for help.
change() { # from, to, file, sed's expression
  mkdir -p "$(dirname "$2")"
  sed "$3" "$1" >"$2"
  ! cmp -s "$1" "$2" || { echo "$1 has changed: $3 changes nothing in it" >&2; exit 1; }
}
change policy.yaml "$scratch/policy.yaml" '/name: look at production/,/max:/s/max: 4h/max: 3h/'
change pkg/slackui/answer.go "$scratch/answer.go" 's/for a stated reason\./for a stated reason. Second version./'
printf '{"Replace": {"%s": "%s"}}' "$root/pkg/slackui/answer.go" "$scratch/answer.go" >"$scratch/overlay.json"
GOFLAGS="${GOFLAGS:-} -overlay=$scratch/overlay.json" build "$scratch/second" "$scratch/policy.yaml"
took 'sam build, of a changed version'

go build -o "$scratch/aws-access" ./cmd/aws-access
go test -tags deployed -c -o "$scratch/local.test" ./infra/local
took 'the operators'"'"' command, and the tests'

# With a network of its own, where no real AWS can be reached by mistake, and processes of
# its own, which end with it; where this user may have neither, on loopback beside whatever
# else is there.
export LOCAL_MINISTACK=$ministack LOCAL_SAM=$sam LOCAL_OPERATE=$scratch/aws-access LOCAL_SCRATCH=$scratch LOCAL_BEFORE=$scratch/before LOCAL_FIRST=$scratch/first LOCAL_SECOND=$scratch/second
cd infra/local
apart=(unshare --net --pid --fork --kill-child --mount-proc)
up='ip link set lo up && exec "$@"'
if "${apart[@]}" sh -c "$up" sh true 2>/dev/null; then
  within=("${apart[@]}" sh -c "$up" sh)
elif "${apart[@]}" --map-root-user sh -c "$up" sh true 2>/dev/null; then
  within=("${apart[@]}" --map-root-user sh -c "$up" sh)
else
  echo 'this user may have no network of its own (unshare): on loopback'
  within=(env)
fi
"${within[@]}" "$scratch/local.test" -test.v -test.timeout 10m &
running=$!
code=0
wait "$running" || code=$?
running=
took 'deploy, story, update, delete'
exit $code
