# The commands for people. A target installs what it needs, or says what is missing.
GO       ?= go
LINT     := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# Lambda's processor: arm64, or amd64 with the template's Architecture=x86_64. Go's and AWS's names
# of it are accepted.
ARCH     ?= arm64
override ARCH := $(patsubst x86_64,amd64,$(ARCH))
# A program reads its version and commit from the build information that Go writes into
# it (pkg/version). -buildvcs overrides GOFLAGS. Go needs a directory .git: in a linked
# worktree or an unpacked archive it would take a repository further up. So the version
# is unknown where go.mod does not belong to a repository with such a directory.
BUILDVCS := $(shell git ls-files --error-unmatch go.mod >/dev/null 2>&1 && \
              test -d "$$(git rev-parse --show-toplevel)/.git" && echo true || echo false)
# The norpc tag leaves out net/rpc, which halves the binary.
LAMBDA   := GOOS=linux GOARCH=$(ARCH) CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$(BUILDVCS) -tags lambda.norpc \
              -ldflags '-s -w'
POLICY   ?= policy.yaml
# ./... leaves out directories whose names begin with a dot, so the programs of .ci are named.
PACKAGES := ./... $(patsubst %/,./%,$(sort $(dir $(wildcard .ci/*/*.go .ci/*/*/*.go))))

.PHONY: sandbox test quick check unit vulnerabilities template proof deploy-local scenarios simulate lint format bench fuzz build release clean help FORCE

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

sandbox: ## run the whole product on this computer, at http://127.0.0.1:8080
	@echo 'building the sandbox (the first time takes about a minute)…' >&2
	$(GO) run ./cmd/sandbox

test: check lint vulnerabilities template proof unit simulate deploy-local scenarios ## run everything, as CI does

check: ## say which tools of the tests are missing
	@.ci/need

quick: ## run before each commit: formatting, and the tests that need only Go
	@test -z "$$(gofmt -l .)" || { echo 'not formatted:'; gofmt -l .; exit 1; }
	@$(GO) test -short $(PACKAGES)

unit: ## run every Go test, also those that need a browser and DynamoDB Local
	@.ci/unit $(PACKAGES)

template: ## lint, validate and build template.yaml
	@.ci/template

proof: ## judge every permission of the templates with an independent IAM evaluator
	@infra/proof/run.sh

deploy-local: ## sam deploy into an emulator: a whole request, an update, a removal
	@infra/local/run.sh

scenarios: ## use the command with the AWS CLI, Terraform and CloudFormation
	@infra/scenarios/run.sh

simulate: ## compare the IAM evaluator of the fake with an independent one
	@pkg/fake/awsfake/simulate/run.sh

lint: ## check formatting, run the linters
	@test -z "$$(gofmt -l .)" || { echo 'not formatted:'; gofmt -l .; exit 1; }
	@$(LINT) run --config .ci/golangci.yaml $(PACKAGES)

vulnerabilities: ## look for known vulnerabilities in the code that is called
	@$(GO) run ./.ci/vulnerabilities $(PACKAGES)

format: ## format the code
	gofmt -w .

bench: ## measure the figures of docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem -count $(or $(COUNT),1) ./functions ./pkg/policy/...
	$(GO) test -count 1 -v -run '^(TestCallsOfARequestAndOfAVend|TestRoundTripsInSeriesBeforeSlackIsAnswered)$$' ./cmd/sandbox/world

fuzz: ## run each fuzz test for FUZZTIME (60s)
	@.ci/fuzz $(or $(FUZZTIME),60s)

FUNCTIONS := $(patsubst functions/%/main.go,%,$(wildcard functions/*/main.go))
build: $(foreach name,$(FUNCTIONS),build-$(shell echo $(name) | awk '{print toupper(substr($$0,1,1)) substr($$0,2)}')Function) ## build the functions as Lambda runs them, in bin/
	@[ -n '$(RELEASE)' ] || $(BUILDVCS) || \
	  echo 'This directory is not a git clone of its own, so the functions do not know their version.' >&2

# One function and its policy, which api and cut do not have: build-SlackFunction builds functions/slack. `sam build` calls
# these with a directory of its own. With RELEASE=DIR the binary is not built but copied from an
# unpacked release, and the policy is compiled as usual: docs/releases.md.
build-%Function: FORCE ; $(call package,$(shell echo $* | tr A-Z a-z))
FORCE:
define package
$(if $(filter arm64 amd64,$(ARCH)),,$(error ARCH is $(ARCH): write arm64, or amd64 (AWS calls it x86_64)))
$(if $(filter undefined,$(origin BASTION)),,$(if $(strip $(BASTION)),,$(error BASTION is empty: write the account id of the bastion, or unset it)))
@$(eval into := $(or $(ARTIFACTS_DIR),bin/$(1)))
@mkdir -p $(into)
@$(if $(RELEASE),GO='$(GO)' .ci/released '$(RELEASE)' $(1) $(ARCH) $(into),$(LAMBDA) -o $(into)/bootstrap ./functions/$(1))
$(if $(filter api cut,$(1)),,@$(GO) run ./cmd/aws-access policy compile $(if $(BASTION),-bastion $(BASTION)) -o $(into)/policy.compiled $(POLICY))
endef

# Different versions of Go write different bytes. GOTOOLCHAIN makes go fetch and use this one.
RELEASE_GO := go1.26.8
release: ## build the files of a release from this commit, in dist/
	@GO='$(GO)' GOTOOLCHAIN=$(RELEASE_GO) $(GO) run ./.ci/release -go $(RELEASE_GO) -version '$(VERSION)'

clean: ## remove what was built
	rm -rf bin dist .aws-sam .cache
