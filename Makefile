# Two commands matter: `make demo` and `make test`. Each sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Tests start hundreds of processes; where the environment forbids bytecode on disk, each would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=
# As many processes as the machine has cores, each with a store of its own.
SPREAD := -n auto --maxprocesses 8 --dist worksteal

.PHONY: setup setup-test demo test quick lint bench docs clean

setup: $(VENV)/.run ## what running needs

setup-test: $(VENV)/.test ## what the tests need on top

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Winnow needs Python 3.11 or newer: set PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e .
	$(BIN)/python -m model.compile --serving
	$(BIN)/python -c 'import moderation.wsgi, moderation.worker, gunicorn.app.wsgiapp, gunicorn.workers.gthread' # Bytecode: the first start has it.
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	$(BIN)/python -m model.compile
	touch $@

demo: setup ## the service, a small site and a moderator, with a table of verdicts
	$(BIN)/winnow demo

test: setup-test lint ## everything, as CI does; what measures time runs last and alone
	$(BIN)/python -m pytest -m "not slow" $(SPREAD)
	$(BIN)/python -m pytest -m "slow and not alone" $(SPREAD:worksteal=loadfile)
	$(BIN)/python -m pytest -m alone

quick: setup-test ## the tests that take milliseconds, in less than a minute; half of their time is waiting
	$(BIN)/python -m pytest -m "not slow" $(SPREAD:auto=$$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)))

lint: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup-test ## speed, in figures: scoring, HTTP, and the drop-in protocols
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m bench.scoring
	$(BIN)/python -m bench.http
	$(BIN)/python -m bench.protocols
	$(BIN)/python -m bench.tabs

docs: setup-test ## the pages that are generated: command line and API
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
