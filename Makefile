# `make run` and `make test` are all the set-up there is. They need Python 3.11, 3.12 or 3.13, and a package index.
# Options for a command go into ARGS: make test ARGS="tests/unit -x", make run ARGS="--port 4100".

.DEFAULT_GOAL := help
.NOTPARALLEL:

# Settings of the user's own Python would reach into ours.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE VIRTUAL_ENV __PYVENV_LAUNCHER__

BIN := .venv/bin
# Test processes side by side; 0 runs all tests in one.
WORKERS ?= 2

.PHONY: help setup run test check gate format bench fuzz postman postman-test lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: ## Create .venv and install what requirements.lock names (done by the others when needed)
	@sh scripts/setup.sh

run: setup ## Start the demo: servers, market and service; Ctrl-C ends it
	@exec $(BIN)/nexgent demo $(ARGS)

test: setup ## Run all tests, with servers of their own
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: setup ## Formatting, lint, types, import contracts, migrations and the Postman collection
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_migrations.py
	$(BIN)/python -m scripts.make_postman --check

gate: check test ## Everything that must pass before a commit

format: setup ## Format the code and repair what lint can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure our own times
	@exec $(BIN)/python -m benchmarks $(ARGS)

fuzz: setup ## Send made-up requests for a long while (FUZZ_EXAMPLES=400, FUZZ_SEED=…)
	@exec env FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-400} $(BIN)/python -m pytest tests/contract/test_schemathesis.py $(ARGS)

postman: setup ## Write the Postman collection and environment anew
	@exec $(BIN)/python -m scripts.make_postman $(ARGS)

postman-test: setup ## Run the Postman collection with newman against a service of its own
	@exec $(BIN)/python -m scripts.postman_test

lock: setup ## Write the two lock files anew from pyproject.toml (ARGS=--upgrade for newer versions)
	@test -x .venv-tools/bin/uv || { $(BIN)/python -m venv .venv-tools && .venv-tools/bin/python -m pip install --quiet uv; }
	.venv-tools/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 pyproject.toml \
		--group dev --custom-compile-command "make lock" --output-file requirements.lock $(ARGS)
	.venv-tools/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 pyproject.toml \
		--group build --constraint requirements.lock --custom-compile-command "make lock" \
		--output-file requirements-runtime.lock

clean: ## Remove what was installed and cached; the data folder .nexgent stays
	rm -rf .venv .venv-tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
