# Short commands for slotbench. `make` alone lists them.
#
# Every cargo command builds with the release profile: clippy, tests, benches and the binary then share one build of
# RocksDB, by far the longest step.

# rustup's default place, for a shell whose PATH does not name it.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# All engines except RocksDB: no C++ and no libclang, so it builds in a minute or two.
LIGHT := --no-default-features --features fs,sled,redb

# Suites that run whole plans on real engines, crash processes or drive a browser: minutes of waiting for disks and
# rounds, which the inner loop leaves to `make test`.
SLOW := crash driver history_page page presets serve soak workloads
QUICK := $(filter-out $(SLOW),$(basename $(notdir $(wildcard */tests/*.rs))))

# The plan that `make bench` runs after the criterion targets.
PRESET ?= quick

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## install, or name, what the full build needs: Rust, a C++ compiler, libclang
	@scripts/setup.sh cargo cc c++ libclang

.PHONY: setup-light
setup-light:
	@scripts/setup.sh cargo cc

.PHONY: check
check: setup-light ## the inner loop, without RocksDB and slow suites: formatting, clippy, tests
	cargo fmt --all --check
	@if cargo tree --workspace $(LIGHT) --prefix none | grep '^librocksdb-sys '; then \
	  echo 'make check would build RocksDB: a member depends on slotbench-backends with default features' >&2; exit 1; \
	fi
	cargo clippy --release --workspace --all-targets $(LIGHT) -- -D warnings
	cargo clippy --release --workspace --bench '*' $(LIGHT) -- -D warnings
	cargo test --release --workspace $(LIGHT) --lib --bins $(addprefix --test ,$(sort $(QUICK)))

.PHONY: test
test: setup ## every test, every engine
	cargo test --release --workspace

.PHONY: bench
bench: setup ## the criterion targets, then the preset (PRESET=quick) and its report
	cargo bench --workspace
	cargo run --release -p slotbench -- run --preset $(PRESET)

.PHONY: ci
ci: ## every gate that guards the main branch
	.ci/run

.PHONY: fmt
fmt: ## format the code
	cargo fmt --all

.PHONY: doc
doc: setup ## the API documentation, under target/doc
	cargo doc --release --workspace --no-deps

.PHONY: clean-results
clean-results: ## remove the runs under results/runs (baselines stay)
	rm -rf results/runs
