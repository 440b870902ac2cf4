# The targets people use; `make help` lists them.

SHELL := /bin/bash
CARGO ?= cargo
# nextest where it is installed; the standard runner elsewhere.
RUNNER := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo "nextest run" || echo "test")

# Stories wait for timers and for other programs a good part of their time: twice as many at once as there are processors.
export NEXTEST_TEST_THREADS ?= $(shell echo $$(( $$(nproc) * 2 )))

.PHONY: help run build release check test e2e devpi screenshots crash outage nodes rolling big lint format bench bench-builds fuzz-check fuzz tools test-tools bench-tools

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

run: tools ## build, put `wheelwright` on the PATH, and serve ./wheelwright-data
	$(CARGO) install --locked --profile quick --path . --bin wheelwright
	@scripts/first-steps
	@exec $${CARGO_INSTALL_ROOT:-$${CARGO_HOME:-$$HOME/.cargo}}/bin/wheelwright serve $(SERVE)

build: tools ## build the release binary
	$(CARGO) build --release --locked

release: tools ## make packages into dist/: wheel, sdist, .deb, archive, image; says what it left out
	@packaging/release

check: ## the fast path: types and the tests that need no client programs
	$(CARGO) check --locked --tests
	$(CARGO) $(RUNNER) --locked $(if $(findstring nextest,$(RUNNER)),-E 'not test(/^(clients|faults::(durability|disk_full|big))/)',--lib)

test: test-tools ## install what the tests need, then run them all
	$(CARGO) $(RUNNER) --locked

e2e: test-tools ## only the stories told with real clients: pip, uv, twine, flit, poetry, hatch, …
	$(CARGO) $(RUNNER) --locked $(if $(findstring nextest,$(RUNNER)),-E 'test(/^clients/)',clients)

devpi: test-tools ## devpi's own tests of its server and of its client, against this server
	$(CARGO) build --locked
	tests/devpi/run.py http client client6

screenshots: test-tools ## take the pictures in docs/images from the stories that are told in a browser
	mkdir -p docs/images
	WHEELWRIGHT_SCREENSHOTS=$(CURDIR)/docs/images $(CARGO) $(RUNNER) --locked $(if $(findstring nextest,$(RUNNER)),-E 'test(/^browser::/)',browser)

crash: test-tools ## kill -9 a hundred times during uploads and mirror fills
	WHEELWRIGHT_CRASH_CYCLES=100 $(CARGO) $(RUNNER) --locked $(if $(findstring nextest,$(RUNNER)),-E 'test(/^faults::durability/)',faults::durability)

outage: test-tools ## a replica without its primary for an hour, people at work on both
	WHEELWRIGHT_OUTAGE_SECONDS=3600 $(CARGO) $(RUNNER) --locked $(if $(findstring nextest,$(RUNNER)),--no-capture -E 'test(/^replica::outage/)',replica::outage -- --nocapture)

nodes: test-tools ## two nodes that are stopped and killed a hundred times under real installers
	WHEELWRIGHT_NODE_ROUNDS=100 $(CARGO) $(RUNNER) --locked $(if $(findstring nextest,$(RUNNER)),--no-capture -E 'test(/^serving::two_nodes/)',serving::two_nodes -- --nocapture)

rolling: test-tools ## replace servers of the last release (OLD=PATH of its program) by this one, under real installers
	WHEELWRIGHT_LAST_RELEASE=$(abspath $(OLD)) $(CARGO) $(RUNNER) --locked $(if $(findstring nextest,$(RUNNER)),--no-capture -E 'test(/^serving::rolling/)',serving::rolling -- --nocapture)

big: test-tools ## upload and download a wheel of 2 GiB, and watch the server's memory
	WHEELWRIGHT_BIG_WHEEL=2048 $(CARGO) $(RUNNER) --locked $(if $(findstring nextest,$(RUNNER)),--no-capture -E 'test(/^faults::big/)',faults::big -- --nocapture)

lint: ## formatting, clippy and (where installed) licences of dependencies
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --locked check licenses bans sources; fi

format: ## format the source
	$(CARGO) fmt

# The product's versions; only the fuzzer's own are added.
fuzz/Cargo.lock: Cargo.lock
	cp $< $@

fuzz-check: fuzz/Cargo.lock ## the fuzz targets still compile
	cd fuzz && $(CARGO) check --features whole --target-dir ../target

FUZZ ?= tags push bundle bundle_request lock_files
fuzz: tools fuzz/Cargo.lock ## fuzz what reads the files of strangers for a minute each; FUZZ="zip tar" names other targets
	scripts/fuzz 60 $(FUZZ)

bench: bench-tools build ## compare with nginx, devpi-server and peryx; rewrites bench/RESULTS.md
	bench/run

bench-builds: bench-tools build ## builds against plain pip: CPU, the corpus (BENCH_CORPUS=all), hostile sdists
	bench/run builds

tools:
	@scripts/install-missing build

test-tools:
	@scripts/install-missing build test release

bench-tools:
	@scripts/install-missing build test bench
