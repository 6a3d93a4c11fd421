# make book   the environment, the runs, the notebooks, the figures, the book
# make runs   the environment, every run that a preset records: PRESET=cifar
# make test   the environment, the style, the tests, the notebooks at smoke parameters, the book in a browser
# make help   what else

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PRESET ?= quick
CORES ?= all
PYTHON ?= python3
VENV ?= .venv
BOOK := build/$(PRESET)/html/index.html

# One thread a job: two jobs on two cores are faster than one job on both, and sums keep their order.
export OMP_NUM_THREADS ?= 1
# It goes into commands and into paths.
ifneq ($(PRESET),$(strip $(filter $(PRESET),quick smoke cifar paper)))
$(error unknown preset $(PRESET); expected quick, cifar or paper)
endif
export MPLBACKEND := agg
# Settings of the shell that would change what the notebooks' kernels do or say.
export PYTHONNOUSERSITE := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
export JUPYTER_PLATFORM_DIRS := 1
unexport PYTHONPATH

# With PY=python the interpreter in use is taken as it is, for example an activated conda environment.
ifdef PY
ENVIRONMENT := writable
else
ENVIRONMENT := environment
export PATH := $(abspath $(VENV))/bin:$(PATH)
endif

# The code of this checkout, also where another is installed.
SNAKEMAKE := PYTHONPATH="$$PWD" snakemake --cores '$(CORES)' --rerun-triggers params --rerun-incomplete --nolock \
	--quiet host progress rules reason

.PHONY: help
help: ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'
	@echo "options: PRESET=quick|cifar|paper  CORES=all|N  PY=python (use the environment that is active)"

.PHONY: book
book: $(ENVIRONMENT) ## build the book
	@$(SNAKEMAKE) --config 'preset=$(PRESET)' -- records
	@$(SNAKEMAKE) --config 'preset=$(PRESET)'
	@echo
	@echo 'The book: $(abspath $(BOOK))'

.PHONY: runs
runs: $(ENVIRONMENT) ## compute every run that PRESET records, CORES at a time; killed, it goes on
	@PYTHONPATH="$$PWD" rodflow sweep --preset $(PRESET) $(if $(filter-out all,$(CORES)),--cores '$(CORES)')

# What looks at the built book, and so comes after it.
OF_THE_BOOK := $(addprefix tests/book/test_,book.py accessibility.py phone_figures.py plain.py reading.py search.py weight.py)

.PHONY: test
test: $(ENVIRONMENT) ## check the style, the types, the core, the notebooks and the built book
	ruff check .
	ruff format --check .
	lint-imports
	mypy
	pytest -q --doctest-modules rodflow_core
	pytest -n 2 --dist worksteal -q tests $(addprefix --ignore=,$(OF_THE_BOOK))
	python -m rodflow_book.build.notebooks smoke build/smoke
	RODFLOW_RUNS="$$PWD/build/smoke/runs" RODFLOW_CACHE="$$PWD/build/smoke/cache" \
	pytest -n 2 -q --nbmake --nbmake-timeout=3600 build/smoke/notebooks
	$(MAKE) --no-print-directory book
	pytest -n 2 --dist worksteal -q $(OF_THE_BOOK)

.PHONY: fuzz
fuzz: $(ENVIRONMENT) ## try 1,000 odd files and command lines, in place of the 100 of make test
	RODFLOW_FUZZ=1000 pytest -q tests/experiments/test_fuzz.py

# Compiled once, on all cores: the two hundred processes of a build and its tests would each do it anew
# where nothing may be written beside the sources. A template that is no Python is no reason to stop.
# The list installed is kept beside the packages, so that the same list is never installed twice and
# an installation that was interrupted is taken up again.
INSTALLED := $(VENV)/installed.txt
.PHONY: environment
environment: writable ## install what requirements.txt lists, into .venv
	@cmp -s requirements.txt $(INSTALLED) || { \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed; set PYTHON=, for example make book PYTHON=python3.12")' && \
	echo "Installing the environment into $(VENV); this takes a few minutes, once." && \
	$(PYTHON) -m venv $(VENV) && \
	python -m pip install --quiet --no-compile "$$(grep '^torch==' requirements.txt)" && \
	python -m pip install --quiet --no-compile -r requirements.txt && \
	python -m pip install --quiet --no-compile --no-deps --no-build-isolation -e . && \
	{ python -m compileall -q -j 0 $(VENV)/lib > /dev/null || true; } && \
	cp requirements.txt $(INSTALLED); }

.PHONY: writable
writable:
	@test -w . || { echo 'error: this folder cannot be written, and book, runs and tests are made in it;' \
	'copy it to one that can. Notebooks and runs work from here, with outputs named elsewhere.' >&2; exit 1; }

.PHONY: lock
lock: ## write requirements.txt anew from pyproject.toml; torch stays at its version there
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet "$$(grep '^torch==' requirements.txt)" setuptools '.[book,test]'
	{ head -n 2 requirements.txt; build/lock/bin/pip freeze --all --exclude pip --exclude rodflow \
	| sed 's/+cpu//' | grep -vE '^(nvidia|cuda|triton)'; } > build/requirements.txt
	mv build/requirements.txt requirements.txt && rm -rf build/lock

.PHONY: clean
clean: ## remove what was built; the environment and figures/ stay
	rm -rf build .snakemake
