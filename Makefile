# Two commands do everything on a machine with Python 3.11 or later, git and make:
#   make demo     the main job, end to end, on embedded parts (ARGS="--builder claude --json")
#   make test     all tests
# The others: make test-fast (unit and contract tests, no process started: under a minute), test-containers, up, check,
# fmt, docs, locks, dist (the wheel), sbom, bench, soak (faults for hours, from a seed), and ui (checks the
# web page and builds it into the package).

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
SOURCES := src tests benchmarks
ARGS ?=
# Whole files side by side, two for each processor, because tests often wait; PARALLEL=0 runs all in
# one process.
PARALLEL ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
SIDE_BY_SIDE := -n $(PARALLEL) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

NPM := scripts/npm.sh
PAGE := src/damascus/api/static/index.html

.PHONY: demo test test-fast test-containers up page ui check fmt docs locks bench soak dist sbom clean

demo: .venv/.embedded $(if $(findstring --open,$(ARGS)),page)
	@$(BIN)/damascus demo $(ARGS)

up: .venv/.embedded page
	@$(BIN)/damascus up $(ARGS)

# Once. Without it everything but the page is served.
page: .venv/.embedded
	@test -f $(PAGE) || { echo "building the page: half a minute …" >&2; \
	$(NPM) ci --prefix ui --no-audit --no-fund --loglevel=error >&2 && \
	$(NPM) run --prefix ui build >/dev/null; } || echo "the page could not be built" >&2

test: .venv/.dev
	@scripts/test-tools.sh
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test-fast: .venv/.dev
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not processes" tests/unit tests/contract $(ARGS)

# The containers of projects, on whichever of Podman and Docker answers. Needs the images named in the tests.
test-containers: .venv/.dev
	$(BIN)/python -m pytest -rs tests/containers $(ARGS)

ui: .venv/bin/python
	$(NPM) ci --prefix ui --no-audit --no-fund --loglevel=error
	$(NPM) run --prefix ui lint
	$(NPM) run --prefix ui test
	$(NPM) run --prefix ui build

check: .venv/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache

# Faults from a seed for as long as one likes, then many schedules of the store and of the cycle.
SECONDS ?= 600
SEED ?=
SCHEDULES ?= 2000
soak: .venv/.dev
	PYTEST_NEMESIS_SECONDS=$(SECONDS) PYTEST_NEMESIS_SEED=$(SEED) PYTEST_SCHEDULES=$(SCHEDULES) \
	  $(BIN)/python -m pytest --timeout=0 tests/e2e/test_nemesis.py \
	  tests/integration/test_store_machine.py tests/integration/test_cycle_schedules.py

fmt: .venv/.dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

docs: .venv/.dev
	$(BIN)/python -m damascus.domain.diagram > docs/state-machine.md
	$(BIN)/python -m damascus.domain.event_pages
	$(BIN)/python -m damascus.cli.reference > docs/cli.md
	$(BIN)/python -m damascus.settings_reference docs/settings.md docker-compose.yml \
	  .env.example

bench: .venv/.dev
	$(BIN)/python benchmarks/cycle.py $(ARGS)

# `datasets` is left out: only mini-swe-agent's own benchmark runner uses it, and it is 300 MB.
LOCK = $(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 \
  --override requirements/overrides.txt --generate-hashes --no-header --no-annotate
locks: .venv/.dev
	$(LOCK) --extra api --extra mcp --extra mini -o requirements/runtime.lock
	$(LOCK) --extra build --extra api --extra mcp --extra embedded -o requirements/embedded.lock
	$(LOCK) --extra build --extra api --extra mcp --extra embedded --extra dev -o requirements/dev.lock
	echo 'cyclonedx-bom>=7.5,<8' | $(BIN)/uv pip compile -q - --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate -o requirements/sbom.lock

# The wheel and the source archive, with the page as it stands, in dist/. scripts/try-wheel.sh installs
# and runs the wheel with each Python there is.
dist: .venv/.dev
	@$(NPM) ci --prefix ui --no-audit --no-fund --loglevel=error
	@$(NPM) run -s --prefix ui build >/dev/null
	@rm -rf dist
	@$(BIN)/uv build -q --offline --no-build-isolation --python $(BIN)/python --out-dir dist .
	@ls dist/*.whl dist/*.tar.gz
	@echo "install it with: uv tool install '$$(ls $$PWD/dist/*.whl)[embedded,api,mcp]'"

# What the program is made of, for those who must know: CycloneDX, one file for each lock.
sbom: .venv/.dev
	@mkdir -p dist/sbom build
	@test -d build/sbom || { python3 -m venv build/sbom && build/sbom/bin/python -m pip \
	  --disable-pip-version-check install -q --no-deps --require-hashes -r requirements/sbom.lock; } \
	  || { rm -rf build/sbom; exit 1; }
	@build/sbom/bin/cyclonedx-py requirements requirements/runtime.lock --output-format JSON -o dist/sbom/python.json
	@$(NPM) sbom --prefix requirements/node --sbom-format cyclonedx --package-lock-only >dist/sbom/agent.json
	@$(NPM) sbom --prefix ui --sbom-format cyclonedx --package-lock-only --omit dev >dist/sbom/page.json
	@ls dist/sbom/*.json

clean:
	rm -rf .venv dist build

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Damascus needs Python 3.11 or later; none was found" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "this Python cannot make virtual environments: \
	install its venv module (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }

.venv/.embedded: .venv/bin/python requirements/embedded.lock pyproject.toml
	@test -f .venv/.dev || scripts/set-up.sh requirements/embedded.lock
	@touch $@

.venv/.dev: .venv/bin/python requirements/dev.lock pyproject.toml
	@scripts/set-up.sh requirements/dev.lock
	@touch $@ .venv/.embedded
