# What a person types here; CI types the same. Every target can be repeated and does only what is
# left to do. Build products and environments are kept outside the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

export PAVE_CACHE ?= $(HOME)/.cache/pave
export CARGO_TARGET_DIR ?= $(PAVE_CACHE)/target
export CARGO_TERM_PROGRESS_WHEN ?= never
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

say = @printf '\n==> %s\n'

# Arguments for one's own needs: make bench BENCH="--quick --case empty"; make pytest PYTEST="-k resume"
BENCH ?=
PYTEST ?=
DEMO ?=

.PHONY: help demo test bench wheel lint clean rust pytest snippets debug

help: ## List the targets
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: wheel ## Install the wheel and run examples/flights on real data
	$(say) "Running the flights example"
	@scripts/demo $(DEMO)

test: lint rust pytest snippets ## Everything that CI checks
	$(say) "All checks passed"

bench: wheel ## Compare with Metaflow and with bare Python; tables go to bench/results
	$(say) "Running the benchmarks"
	@scripts/bench $(BENCH)

wheel: ## Build the release wheel into dist/
	$(say) "Building the wheel"
	@scripts/wheel

lint: ## Formatting, lints, types and the layout of the house
	$(say) "Formatting"
	@cargo fmt --all --check
	$(say) "Clippy"
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	$(say) "Layers, sizes and heads of files"
	@cargo xtask tidy
	$(say) "Python: ruff and mypy"
	@python=$$(scripts/venv test python/requirements-test.txt)
	$$python -m ruff check python examples bench scripts
	cd python && $$python -m mypy --config-file pyproject.toml -p pave

rust: ## Rust tests
	$(say) "Rust tests"
	@cargo test --locked --workspace

debug: ## Build without optimisation, for use in place
	$(say) "Building without optimisation"
	@scripts/debug

pytest: debug ## Python tests, on the debug build in place
	$(say) "Python tests"
	@python=$$(scripts/venv test python/requirements-test.txt)
	export PYTHONPATH=$(CURDIR)/python PAVE_BINARY=$(CARGO_TARGET_DIR)/debug/pave
	cd python && $$python -m pytest $(PYTEST)

snippets: debug ## Run what the documents say
	$(say) "Examples in the documents"
	@python=$$(scripts/venv test python/requirements-test.txt)
	export PYTHONPATH=$(CURDIR)/python PAVE_BINARY=$(CARGO_TARGET_DIR)/debug/pave
	$$python scripts/snippets.py README.md docs/*.md

clean: ## Remove what the other targets made, caches included
	$(say) "Removing build products and environments"
	@rm -rf dist python/pave/bin python/pave/_native*.so build
	rm -rf "$(CARGO_TARGET_DIR)" "$(PAVE_CACHE)"/venv-*
