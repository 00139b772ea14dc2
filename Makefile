# Saliscope. `make run` starts everything on this machine; `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin

# pytest's arguments, as in `make test PYTEST_ARGS="tests/web -k cancel"`.
PYTEST_ARGS ?=
# Arguments of the benchmarks.
BENCH_ARGS ?=
# As in `make faults FAULTS_ARGS="--on lab --only broker --out table.md"`.
FAULTS_ARGS ?=
SECONDS ?= 600
SEED ?= 1

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

.PHONY: run
run: $(VENV)/.runtime ## Start Saliscope (PORT=8000); Ctrl-C stops it
	@sh tools/compile-messages.sh $(BIN)/pybabel
	@exec $(BIN)/python -m workers serve

.PHONY: test
test: $(VENV)/.development ## Run the tests on SQLite and the built-in broker
	@sh tools/compile-messages.sh $(BIN)/pybabel
	@sh tools/install-browser.sh
	@env -u DATABASE_URL -u REDIS_URL SALISCOPE_ENV_FILE= sh tools/test.sh $(BIN)/python $(PYTEST_ARGS)

.PHONY: test-lab
test-lab: $(VENV)/.development ## Run web and system tests on PostgreSQL and Redis (DATABASE_URL, REDIS_URL)
	@sh tools/compile-messages.sh $(BIN)/pybabel
	@sh tools/install-browser.sh
	@exec env SALISCOPE_ENV_FILE= sh tools/test-lab.sh $(BIN)/python $(PYTEST_ARGS)

.PHONY: faults
faults: $(VENV)/.development ## Break everything while benchmarks run, on SQLite and on servers of its own (half an hour each)
	@exec env -u DATABASE_URL -u REDIS_URL $(BIN)/python -m tests.faults $(FAULTS_ARGS)

.PHONY: soak
soak: $(VENV)/.development ## Kill at random while benchmarks run (SECONDS=600 SEED=1)
	@exec env -u DATABASE_URL -u REDIS_URL $(BIN)/python -m tests.faults --soak $(SECONDS) --seed $(SEED) $(FAULTS_ARGS)

.PHONY: lint
lint: $(VENV)/.development ## Check style, types and the house rules on imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy saliency_core
	$(BIN)/lint-imports --no-cache

.PHONY: bench
bench: $(VENV)/.development ## Measure everything in brief; tables in var/bench (BENCH_ARGS="--only scoring")
	@exec env SALISCOPE_ENV_FILE= $(BIN)/python -m benchmarks $(BENCH_ARGS)

.PHONY: bench-web
bench-web: $(VENV)/.development ## Measure the pages of a lab with 5,000 benchmarks (needs PostgreSQL; minutes)
	@exec $(BIN)/python -m benchmarks.web_load $(BENCH_ARGS)

.PHONY: peers
peers: ## Install the libraries that `make bench` compares with, in .venv-peers
	@sh tools/install.sh .venv-peers peers benchmarks/peers/requirements.txt

.PHONY: screenshots
screenshots: $(VENV)/.development ## Take pictures of every page into docs/screenshots
	@sh tools/compile-messages.sh $(BIN)/pybabel
	@sh tools/install-browser.sh
	@exec $(BIN)/python -m tests.screenshots

.PHONY: clean
clean: ## Remove the virtual environment, compiled translations and caches (var/ is kept)
	rm -rf $(VENV) .venv-peers .pytest_cache .mypy_cache .ruff_cache locale/*/LC_MESSAGES/*.mo
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Stamps hold the requirements they stand for: they are compared by content, as times change with every checkout.
$(VENV)/.runtime: FORCE
	@sh tools/install.sh $(VENV) runtime requirements.txt

$(VENV)/.development: FORCE
	@sh tools/install.sh $(VENV) development requirements.txt requirements-dev.txt

.PHONY: FORCE
FORCE:
