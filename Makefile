.PHONY: help test race lint fips fuzz bench interop integration examples ci

help: # list the targets
	@sed -n 's/^\([a-z]*\):.*# /\1\t/p' Makefile | expand -t 14

test: # every test of the root module, as a newcomer runs them
	go test ./...

race: # the same under the race detector
	.ci/run tests

lint: # gofmt, go vet, staticcheck, and that every go.mod is tidy
	.ci/run format lint tidy

fips: # the tests with Go's FIPS 140-3 module in use; docs/fips.md
	.ci/run fips

fuzz: # every fuzz target in turn; FUZZ_SECONDS=600 for each, FUZZ_SECONDS_IN_ALL=36000 for a night
	.ci/run fuzz

bench: # this project, the ceiling and the peers, side by side; docs/performance.md
	cd bench && go run .

interop: # messages to and from the official SDKs; docs/interop.md
	bash internal/interop/run.sh

integration: # real servers
	bash internal/integration/run.sh

examples: # every example, as CI runs them
	.ci/run examples

ci: # all that CI checks
	.ci/run
