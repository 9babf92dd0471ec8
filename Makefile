# The whole daily vocabulary. `make demo` and `make test` are the two commands of the README.
# Every target prints what it does; the slow ones print how long each step took.

.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c

# What tests install lives here, outside the checkout.
export XTRINODE_TEST_CACHE ?= $(HOME)/.cache/xtrinode-test
STEP := ./tests/parts/step.sh
# What `make test` leaves to `make test-full`, so that it ends within an hour where every part has to be built first: KEDA, whose
# build takes 8 minutes, the guard and the exporter in front of Trino 482, and further kinds in front of real Trino.
FULL := guarded-keda,482,guarded-real-,guarded-retry
PARTS := jdk go trino-476 trino-482 helm kubevalidate prometheus etcd kube
# The simulation as everything else is built, and, for a million, as fast as can be.
SIM := cargo test --locked --features mutants --test simulation --
FAST_SIM := cargo test --locked --profile sim --features mutants --test simulation --

.PHONY: help demo check test test-full lint deny unit sim soak-sim mutants chart cluster soak bench fuzz image parts docs

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Build and watch the guard and the exporter on a simulated cluster; needs only the Rust toolchain
	cargo run --locked -- demo $(ARGS)

check: ## The fast inner loop: format, lints, unit and integration tests without downloads
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test chart --test cluster --test simulation -- -D warnings
	cargo test --locked --lib --bins --test it
	$(SIM) --disruptions 20000

test: ## Install what it needs, then lints, tests, simulation, real Helm, Prometheus, Kubernetes and Trino: all but what test-full adds
	@$(STEP) begin $(PARTS)
	@$(STEP) "format and lints" $(MAKE) --no-print-directory lint
	@$(STEP) "dependencies: bans, licences, sources" $(MAKE) --no-print-directory deny
	@$(STEP) "unit and integration tests" $(MAKE) --no-print-directory unit
	@$(STEP) "simulation: 20 000 disruptions" $(MAKE) --no-print-directory sim
	@$(STEP) "simulation: each rule broken" $(MAKE) --no-print-directory mutants SEEDS=3
	@$(STEP) "real programs for the tests" ./tests/parts/install.sh $(PARTS)
	@$(STEP) "chart, with real Helm" $(MAKE) --no-print-directory chart
	@$(STEP) "real Trino, Prometheus and Kubernetes" cargo test --locked --test cluster -- --except $(FULL)
	@$(STEP) end

test-full: ## What `make test` leaves out for its length: KEDA, Trino 482, more kinds on real Trino, broken rules on more seeds, 10 000 races
	@$(STEP) begin $(PARTS) keda
	@$(STEP) "simulation: each rule broken" $(MAKE) --no-print-directory mutants SEEDS=3,5
	@$(STEP) "real programs for the tests" $(MAKE) --no-print-directory parts
	@$(STEP) "KEDA, Trino 482, more real Trino" cargo test --locked --test cluster -- $(FULL)
	@$(STEP) "10 000 races of two replicas" cargo test --locked --test cluster -- measure-races
	@$(STEP) end

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test chart --test cluster --test simulation -- -D warnings

deny:
	./tests/parts/cargo-deny.sh check bans licenses sources

unit:
	cargo test --locked --lib --bins --test it

sim: ## Simulate DISRUPTIONS (default 20000) against the real rules of the guard, from SEED (default 1)
	$(SIM) --disruptions $(or $(DISRUPTIONS),20000) --seed $(or $(SEED),1)

soak-sim: ## The same with a million (or DISRUPTIONS), optimised
	$(FAST_SIM) --disruptions $(or $(DISRUPTIONS),1000000) --seed $(or $(SEED),1)

mutants: ## Break each rule of the guard in turn, on SEEDS (default 3,5): the simulation must notice within 20 000 disruptions
	$(SIM) --mutants $(or $(SEEDS),3,5)

parts: ## Install the real programs that the tests run against
	./tests/parts/install.sh

chart:
	cargo test --locked --test chart

cluster:
	cargo test --locked --test cluster

soak: parts ## Disrupt guarded clusters until docs/soak.md has 200 rows of real Trino and 10 000 simulated ones, or FOR=30m is over; goes on where it ended
	cargo test --locked --test cluster -- measure-soak

bench: ## Measure against the goals, beside named peers, in one run; exits 1 on a missed one
	cargo bench --locked --bench parser
	cargo bench --locked --bench exporter
	cargo bench --locked --bench guard

fuzz: ## Fuzz everything that parses foreign bytes, SECONDS_PER_TARGET (default 60)
	./fuzz/run.sh $${SECONDS_PER_TARGET:-60}

image: ## Build the container image with whichever of docker, podman, buildah is present
	./image.sh
