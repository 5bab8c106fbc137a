# `make run` and `make test` are all the set-up there is. They need Python 3.11 to 3.14, and a package index.
# Options for a command go into ARGS: make test ARGS="tests/unit -x". Settings go in front: PORT=4100 make run.

.DEFAULT_GOAL := help
.NOTPARALLEL:

# Settings of the user's own Python would reach into ours.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONSAFEPATH VIRTUAL_ENV __PYVENV_LAUNCHER__
# Without bytecode every process compiles everything anew: a service takes 1.6 times as long to start, the tests a minute more.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# Test processes side by side; 0 runs all tests in one. More than small machines have cores: many tests wait.
WORKERS ?= 6
# How many of the made-up mistakes of each package `make mutants FULL=1` tries, and which; SAMPLE=100 for so many in all.
EACH ?= 25
SEED ?= 1

.PHONY: help setup setup-dev run dev tunnel test mutants chaos web check gate format bench bench-compare figures screenshots soak fuzz sql grafana charts docs postman postman-test lock licences sbom release-check audit outdated clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

setup: ## Create .venv and install what the service needs (done by the others when needed)
	@sh scripts/setup.sh runtime

setup-dev: ## Install what tests and checks need as well
	@sh scripts/setup.sh dev

run: setup ## Start the demo: servers, market and service; Ctrl-C ends it
	@exec $(BIN)/nexgent demo $(ARGS)

dev: setup ## Run the demo and start it again whenever the code changes (ARGS=serve for the service alone)
	@exec $(BIN)/python -m scripts.dev $(ARGS)

tunnel: setup ## Give the running service a public address for webhooks, by cloudflared, ngrok or ssh
	@exec $(BIN)/python -m scripts.tunnel $(ARGS)

test: setup-dev ## Run all tests, with servers of their own
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

mutants: setup-dev ## Make mistakes in the code on purpose; tests have to notice (FULL=1 for a sample of made-up ones, FULL=all)
	@exec $(BIN)/python -m scripts.mutants $(if $(FULL),--generated $(if $(filter all,$(FULL)),,$(if $(SAMPLE),--sample $(SAMPLE),--each $(EACH)) --seed $(SEED))) $(ARGS)

web: setup-dev ## Build the dashboard from web/ anew (needs Node; ARGS=--check only compares)
	@exec $(BIN)/python -m scripts.make_web $(ARGS)

check: setup-dev ## Formatting, lint, types, import contracts, migrations, locks, the Postman collection, the summaries and the dashboard
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_migrations.py
	$(BIN)/python -m scripts.locks check
	$(BIN)/python -m scripts.make_postman --check
	$(BIN)/python -m scripts.make_sql --check
	$(BIN)/python -m scripts.licences --check
	$(BIN)/python -m scripts.summaries --check
	$(BIN)/python -m scripts.figures --check
	$(BIN)/python -m scripts.make_grafana --check
	$(BIN)/python -m scripts.make_charts --check
	$(BIN)/python -m scripts.make_docs
	$(BIN)/python -m scripts.make_web --check
	$(BIN)/bandit --quiet --recursive --severity-level medium src scripts migrations

chaos: setup-dev ## Strike trades at any point and hold the books against the chain (ARGS="--cells 50 --seed 3"; FULL=1 for all)
	@exec $(BIN)/python -m tests.chaos $(if $(FULL),--full) $(ARGS)

gate: check test ## Everything that must pass before a commit
	$(BIN)/python -m benchmarks.compare --gate

format: setup-dev ## Format the code and repair what lint can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev ## Measure our own times (ARGS="product --runs 7"); they are kept in benchmarks/figures.json
	@exec $(BIN)/python -m benchmarks $(ARGS)

bench-compare: setup-dev ## Measure two commits alternately and print the ratios (BASE=<commit>; ARGS="--rounds 15")
	@exec $(BIN)/python -m benchmarks.compare $(BASE) $(ARGS)

figures: setup-dev ## Write the tables of our own times from what `make bench` kept
	@exec $(BIN)/python -m scripts.figures $(ARGS)

screenshots: setup-dev ## Picture every page of the dashboard in both themes (FOLDER=screenshots)
	@exec env SCREENSHOTS=$(or $(FOLDER),screenshots) $(BIN)/python -m pytest -n 0 tests/web/test_pages.py $(ARGS)

soak: setup-dev ## Trade for 30 minutes with everything switched on, and see whether anything grows (ARGS="--minutes 60")
	@exec $(BIN)/python -m benchmarks.soak $(ARGS)

fuzz: setup-dev ## Send made-up requests for a long while (FUZZ_EXAMPLES=400, FUZZ_SEED=…)
	@exec env FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-400} $(BIN)/python -m pytest tests/contract/test_schemathesis.py $(ARGS)

sql: setup-dev ## Compile the statements of the stores anew from scripts/statements
	@exec $(BIN)/python -m scripts.make_sql $(ARGS)

postman: setup-dev ## Write the Postman collection and environment anew
	@exec $(BIN)/python -m scripts.make_postman $(ARGS)

grafana: setup-dev ## Write the Grafana dashboard anew
	@exec $(BIN)/python -m scripts.make_grafana $(ARGS)

charts: setup-dev ## Draw the charts of the trading rules anew
	@exec $(BIN)/python -m scripts.make_charts $(ARGS)

docs: setup-dev ## Build the documentation's pages into build/site, every link followed
	@exec $(BIN)/python -m scripts.make_docs

postman-test: setup-dev ## Run the Postman collection with newman against a service of its own
	@exec $(BIN)/python -m scripts.postman_test

summaries: setup-dev ## Write the summaries of the tests anew
	@exec $(BIN)/python -m scripts.summaries

lock: setup-dev ## Write the locks anew from pyproject.toml (ARGS=--upgrade for newer versions)
	@exec $(BIN)/python -m scripts.locks write $(ARGS)

licences: setup-dev ## List every locked package with its licence
	@exec $(BIN)/python -m scripts.licences

sbom: setup-dev ## Write what an installation is made of as CycloneDX (ARGS=FILE; else to standard output)
	@exec $(BIN)/python -m scripts.sbom $(ARGS)

release-check: setup-dev ## Build what is published, install it into an empty environment and run its demo to the first trade
	@exec $(BIN)/python -m scripts.release_check $(ARGS)

audit: setup-dev ## Ask for known vulnerabilities of the locked packages
	@exec $(BIN)/python -m scripts.audit

outdated: setup-dev ## List the packages of which there are newer versions
	@exec $(BIN)/python -m scripts.locks outdated

clean: ## Remove what was installed and cached; the data folder .nexgent stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .mutants .coverage* web/node_modules
