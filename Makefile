# The two that anybody needs: make reproduce, make test. ARGS is handed on: make reproduce ARGS="ghost-marker --profile user"
.DEFAULT_GOAL := help
.PHONY: help setup venv reproduce nightly test bench mutants lint worlds clean
BIN := .venv/bin
ARGS ?=

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## .venv and the system packages (installed as root, else one line to type)
	@sh harness/setup.sh hand

venv:
	@sh harness/setup.sh

reproduce: venv  ## every scenario on every tool that can be had here, and the report
	@$(BIN)/whiteout-lab run --build-worlds $(ARGS)

nightly: venv  ## run everything, and say what changed since the baseline was written
	@$(BIN)/whiteout-lab nightly $(ARGS)

test:  ## lint, types and all tests
	@sh harness/setup.sh test
	@$(BIN)/whiteout-lab worlds build || $(MISSING)
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest tests -n 2 $(ARGS)

bench: worlds  ## the measurements of the README
	@sh harness/setup.sh bench
	@$(BIN)/python -m tests.bench $(ARGS)

mutants: venv  ## whether a test notices each of some 670 ways to make the program wrong, one at a time (about ten minutes)
	@$(BIN)/python -m tests.mutation $(ARGS)

lint: venv  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

worlds: venv  ## the Debian userlands, those that are not in place yet
	@$(BIN)/whiteout-lab worlds build || $(MISSING)

clean:  ## what setup and tests made in this folder (the worlds stay: whiteout-lab worlds prune --all)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A world that cannot be had is a skip with its reason, unless WHITEOUT_LAB_STRICT says that it must be there.
MISSING = { test -z "$$WHITEOUT_LAB_STRICT" && echo "going on with the worlds that are there" >&2; }
