# The commands of the project; `make` alone lists them.
# Nothing is installed outside of this folder: .venv for the project, .venv-stubs for the stub generator.

.DEFAULT_GOAL := help
SHELL := /bin/sh
# No half-made stamp or lock survives a failed recipe.
.DELETE_ON_ERROR:
# setup is a prerequisite of most targets, and the environments are made one at a time.
.NOTPARALLEL:

BIN := .venv/bin
PIP_INSTALL := -m pip --disable-pip-version-check install --quiet
TYPED := ledger projections tests seeds benchmarks campaigns interop
RELEASED := proto/released.binpb

# uv pip compile, universal: one lock for every supported Python and platform. No address is
# written into a lock: where packages come from is the installer's configuration.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.installed ## create .venv from the locks (done again only when they change)

# Made anew for a changed lock: nothing that the lock no longer names stays behind.
.venv/.locked: requirements/dev.txt
	@python=$$(.ci/python) || exit 1; \
	echo "setup: .venv with $$($$python --version), packages of requirements/dev.txt"; \
	"$$python" -m venv --clear .venv
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# What only measurements need. A system for which it has no build does without: its opponents are then skipped.
.venv/.bench: requirements/bench.txt .venv/.installed
	@$(BIN)/python $(PIP_INSTALL) --require-hashes --only-binary :all: -r requirements/bench.txt || \
		echo "setup: UmaDB cannot be installed on this system; measurements do without it"
	@touch $@

.venv-stubs/.locked: requirements/stubs.txt
	@python=$$(.ci/python) || exit 1; \
	echo "setup: .venv-stubs with $$($$python --version), packages of requirements/stubs.txt"; \
	"$$python" -m venv --clear .venv-stubs
	@.venv-stubs/bin/python $(PIP_INSTALL) --require-hashes -r requirements/stubs.txt
	@touch $@

.PHONY: run
run: .venv/.installed ## start the service on an embedded PostgreSQL, seeded, and show the views
	@exec $(BIN)/incident-ledger serve --embedded --seed --show

# Each worker has a database server of its own; the tests of one file stay together and share theirs. Files go in their
# order, the long ones first.
PYTEST ?= --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: test
test: .venv/.bench ## run all tests (choose some: make test PYTEST="-k merkle -x")
	$(BIN)/python -m pytest $(PYTEST)

.PHONY: soak
soak: .venv/.installed ## kill two services on one ledger at random under load, then check all (SOAK="--seed 7")
	$(BIN)/python -m campaigns.kill $(SOAK)

.PHONY: faults
faults: .venv/.installed ## fail processes, network and database under load, then check all (FAULTS="--seed 7")
	$(BIN)/python -m campaigns.faults $(FAULTS)

.PHONY: bench
bench: .venv/.bench ## measure the ledger beside raw limits and rivals, half an hour (BENCH="--short", or "--only unary")
	$(BIN)/python -m benchmarks $(BENCH)

.PHONY: interop
interop: .venv/.installed ## append and ask with independent clients: Node.js and buf curl (needs node and npm)
	$(BIN)/python -m interop.run

.PHONY: lint
lint: lint-style lint-types lint-imports lint-contract lint-stubs ## check style, types, imports, the contract and its stubs

.PHONY: lint-style
lint-style: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: lint-types
lint-types: .venv/.installed
	$(BIN)/mypy $(TYPED)

.PHONY: lint-imports
lint-imports: .venv/.installed
	$(BIN)/lint-imports --no-logo

.PHONY: lint-contract
lint-contract: .venv/.installed
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/buf lint proto
	@if [ -e $(RELEASED) ]; then \
		echo "$(BIN)/buf breaking proto --against $(RELEASED)"; \
		$(BIN)/buf breaking proto --against $(RELEASED); \
	else \
		echo "SKIPPED: breaking changes are not checked: no $(RELEASED) before the first release"; \
	fi

# The committed stubs must be what the contract generates.
.PHONY: lint-stubs
lint-stubs: .venv-stubs/.locked
	.venv-stubs/bin/python proto/generate.py --check

.PHONY: format
format: .venv/.installed ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write proto

.PHONY: stubs
stubs: .venv-stubs/.locked ## generate proto/gen from the contract
	.venv-stubs/bin/python proto/generate.py

.PHONY: lock
lock: .venv/.installed ## resolve requirements/*.txt again (UPGRADE=1 takes newer versions)
	$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements/run.txt pyproject.toml
	$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements/dev.txt \
		--constraint requirements/run.txt --extra embedded --extra parquet --extra dev pyproject.toml
	$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements/bench.txt \
		--constraint requirements/dev.txt requirements/bench.in
	$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements/build.txt \
		--constraint requirements/dev.txt requirements/build.in
	$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements/stubs.txt requirements/stubs.in

.PHONY: clean
clean: ## remove environments, caches and build output (never data)
	rm -rf interop/node_modules benchmarks/node_modules .venv .venv-stubs .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find ledger projections proto seeds tests benchmarks campaigns interop -name __pycache__ -type d -prune -exec rm -rf {} +
