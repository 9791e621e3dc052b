# What people type. Everything that a target needs, it sets up itself or names.
GO       ?= go
LINT     := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# Lambda's processors. The norpc tag leaves out net/rpc, which halves the binary.
LAMBDA   := GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) build -trimpath -tags lambda.norpc -ldflags '-s -w'

.PHONY: sandbox test check unit simulate lint format bench fuzz build clean help

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

sandbox: ## run the whole product on this computer: http://127.0.0.1:8080
	$(GO) run ./cmd/sandbox

test: check lint unit simulate ## everything: what CI runs

check: ## are the tools there that the tests need
	@.ci/need

unit: ## every Go test, among them the browser's and DynamoDB Local's
	@.ci/unit

simulate: ## our IAM evaluator against an independent one
	@pkg/vend/vendfake/simulate/run.sh

lint: ## formatting and linter findings
	@test -z "$$(gofmt -l .)" || { echo 'not formatted:'; gofmt -l .; exit 1; }
	@$(LINT) run --config .ci/golangci.yaml ./...

format: ## format the code
	gofmt -w .

bench: ## the figures of docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem -count $(or $(COUNT),1) ./functions ./pkg/policy
	$(GO) test -count 1 -v -run '^(TestCallsOfARequestAndOfAVend|TestRoundTripsInSeriesBeforeSlackIsAnswered)$$' ./cmd/sandbox

fuzz: ## each fuzz test for FUZZTIME (60s)
	@.ci/fuzz $(or $(FUZZTIME),60s)

build: ## the functions as Lambda runs them, in bin/
	@for f in slack notify vend tick; do $(LAMBDA) -o bin/$$f/bootstrap ./functions/$$f && cp policy.yaml bin/$$f/ || exit 1; done

clean: ## remove what was built
	rm -rf bin .aws-sam .cache
