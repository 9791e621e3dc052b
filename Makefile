# What people type. Everything that a target needs, it sets up itself or names.
GO       ?= go
LINT     := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# Lambda's processor: arm64, or amd64 with the template's Architecture=x86_64.
ARCH     ?= arm64
# The norpc tag leaves out net/rpc, which halves the binary.
LAMBDA   := GOOS=linux GOARCH=$(ARCH) CGO_ENABLED=0 $(GO) build -trimpath -tags lambda.norpc -ldflags '-s -w'
POLICY   ?= policy.yaml

.PHONY: sandbox test quick check unit template proof deploy-local simulate lint format bench fuzz build clean help build-SlackFunction build-NotifyFunction build-VendFunction build-TickFunction

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

sandbox: ## run the whole product on this computer: http://127.0.0.1:8080
	$(GO) run ./cmd/sandbox

test: check lint template proof unit simulate deploy-local ## everything: what CI runs

check: ## are the tools there that the tests need
	@.ci/need

quick: ## before each commit: formatting, and the tests that need no engine, browser, Java or Python
	@test -z "$$(gofmt -l .)" || { echo 'not formatted:'; gofmt -l .; exit 1; }
	@$(GO) test -short ./...

unit: ## every Go test, among them the browser's and DynamoDB Local's
	@.ci/unit

template: ## lint, validate and build template.yaml
	@.ci/template

proof: ## every right that the templates give, by an independent IAM evaluator
	@infra/proof/run.sh

deploy-local: ## sam deploy into an AWS on this computer, with the story, an update and a removal
	@infra/local/run.sh

simulate: ## our IAM evaluator against an independent one
	@pkg/fake/awsfake/simulate/run.sh

lint: ## formatting and linter findings
	@test -z "$$(gofmt -l .)" || { echo 'not formatted:'; gofmt -l .; exit 1; }
	@$(LINT) run --config .ci/golangci.yaml ./...

format: ## format the code
	gofmt -w .

bench: ## the figures of docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem -count $(or $(COUNT),1) ./functions ./pkg/policy/...
	$(GO) test -count 1 -v -run '^(TestCallsOfARequestAndOfAVend|TestRoundTripsInSeriesBeforeSlackIsAnswered)$$' ./cmd/sandbox/world

fuzz: ## each fuzz test for FUZZTIME (60s)
	@.ci/fuzz $(or $(FUZZTIME),60s)

build: $(addprefix build-,SlackFunction NotifyFunction VendFunction TickFunction) ## the functions as Lambda runs them, in bin/

# One function and its policy: what `sam build` calls, with its own directory.
build-SlackFunction:  ; $(call package,slack)
build-NotifyFunction: ; $(call package,notify)
build-VendFunction:   ; $(call package,vend)
build-TickFunction:   ; $(call package,tick)
define package
@$(eval into := $(or $(ARTIFACTS_DIR),bin/$(1)))
@mkdir -p $(into)
@$(LAMBDA) -o $(into)/bootstrap ./functions/$(1)
@$(GO) run ./cmd/aws-access policy compile $(if $(BASTION),-bastion $(BASTION)) -o $(into)/policy.compiled $(POLICY)
endef

clean: ## remove what was built
	rm -rf bin .aws-sam .cache
