#!/usr/bin/env bash
# Installs the programs that people use, builds the command as people get it and a small provider of
# Terraform, and runs the tests of this folder. README.md says what a passing run proves. Asks for no
# input, and leaves nothing behind except .cache/.
#
#   TOFU=1             builds OpenTofu and uses it in place of terraform
#   RUN='Terraform'    runs only the scenarios that match
#   UPDATE=1           writes the recording of the README again: UPDATE=1 RUN=Recording make scenarios
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || {
  echo 'NOT RUN: the scenarios run on Linux on x86_64 only, for which AWS publishes its command line' >&2
  exit ${CI:+1}
}
for tool in go python3; do command -v "$tool" >/dev/null || { echo "the scenarios need $tool" >&2; exit 1; }; done

# Nothing here uses an AWS account, so no variable of one is passed on.
while read -r name; do unset "$name"; done < <(compgen -e | grep -E '^(AWS|TF)_' || true)
unset MAKEFLAGS MFLAGS MAKELEVEL

scratch=$(mktemp -d "${TMPDIR:-/tmp}/aws-access-scenarios-XXXXXX")
running=
clean_up() {
  [ -z "$running" ] || { kill -KILL "$running" && wait "$running"; } 2>/dev/null || true
  chmod -R u+w "$scratch" 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

began=$SECONDS
took() { printf '%4d s  %s\n' $((SECONDS - began)) "$1"; began=$SECONDS; }

export SCENARIOS_MINISTACK SCENARIOS_AWS1 SCENARIOS_AWS2 SCENARIOS_PYTHON
SCENARIOS_MINISTACK=$(.ci/tools/venv ministack)/ministack
SCENARIOS_PYTHON=$(.ci/tools/venv ministack)/python # with boto3
SCENARIOS_AWS1=$(.ci/tools/venv awscli)/aws
SCENARIOS_AWS2=$(.ci/tools/awscli2)
took 'ministack and the AWS CLI'

# The test provider has a go.mod of its own, so the product does not depend on what it needs.
version=0.0.1
mirror=$scratch/mirror/registry.terraform.io/aws-access/scenarios/$version/linux_amd64
mkdir -p "$mirror" "$scratch/bin"
(cd infra/scenarios/provider && go build -o "$mirror/terraform-provider-scenarios_v$version" .)
export SCENARIOS_MIRROR=$scratch/mirror
took 'go build of the test provider'

export SCENARIOS_TERRAFORM=
if [ "${TOFU:-}" = 1 ]; then
  (cd infra/scenarios/tofu && go build -o "$scratch/bin/tofu" github.com/opentofu/opentofu/cmd/tofu)
  SCENARIOS_TERRAFORM=$scratch/bin/tofu
  mv "$scratch/mirror/registry.terraform.io" "$scratch/mirror/registry.opentofu.org"
  took 'go build of OpenTofu'
elif command -v terraform >/dev/null; then
  SCENARIOS_TERRAFORM=$(command -v terraform)
fi

go build -tags people -o "$scratch/bin/aws-access" ./cmd/aws-access
export SCENARIOS_COMMAND=$scratch/bin/aws-access
go test -tags deployed -c -o "$scratch/scenarios.test" ./infra/scenarios
took 'go build of the command and the tests'

# The tests run in a network namespace, from which they cannot reach the real AWS by mistake, and in a
# process namespace, which ends all their processes. If this user may not make namespaces, they run on
# loopback.
cd infra/scenarios
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
"${within[@]}" "$scratch/scenarios.test" -test.v -test.timeout 15m ${RUN:+-test.run "$RUN"} ${UPDATE:+-update} &
running=$!
code=0
wait "$running" || code=$?
running=
took 'the scenarios'
[ -n "$SCENARIOS_TERRAFORM" ] || {
  echo 'NOT RUN: Terraform over the end of a session, because terraform is not on the PATH.' >&2
  echo '         make scenarios TOFU=1 builds OpenTofu and runs it.' >&2
}
exit $code
