# Set up, run and check chainer_pose; README.md tells what each does.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Chainer's archive does not build with setuptools 81 or newer. Newer pips take
# the constraint for builds from one variable, older ones from the other.
CONSTRAINED := PIP_BUILD_CONSTRAINT=build-constraints.txt PIP_CONSTRAINT=build-constraints.txt

# What reproduce.py reproduces: make table1 GPU=0 H36M=/path. It prepares the data, trains (or
# goes on where an earlier call stopped), measures and draws. TRAIN_OPTIONS adds options.
GPU ?= -1
RESULTS ?= results
SEEDS ?= 0
TRAIN_OPTIONS ?=

.PHONY: install demo table1 table2 pck test test-slow fuzz coverage tox lint format

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml setup.py build-constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(CONSTRAINED) $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

# One thread: with small matrices a second one of BLAS gains little, and on a
# busy machine the two wait for each other most of the time.
demo: export OMP_NUM_THREADS := 1
demo: install
	$(BIN)/python reproduce.py demo --out "$(RESULTS)"
	@echo "pictures: $(RESULTS)/demo/"

table1 table2: install
	$(BIN)/python reproduce.py $@ $(if $(H36M),--data "$(H36M)") --gpu $(GPU) --out "$(RESULTS)" --seeds $(SEEDS) $(TRAIN_OPTIONS)

pck: install
	$(BIN)/python reproduce.py $@ $(if $(MPI_INF_3DHP),--data "$(MPI_INF_3DHP)") --gpu $(GPU) --out "$(RESULTS)" --seeds $(SEEDS) $(TRAIN_OPTIONS)

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow'

# What starts scripts, several processes or trains.
test-slow: install
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

# Damaged files of every format that is read.
fuzz: install
	FUZZ_INPUTS=2000 $(BIN)/python -m pytest -n 2 tests/test_fuzz.py

# Which lines of chainer_pose the tests run, those in other processes included.
coverage: install
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# The tests on Python 3.10 to 3.13; those of pyenv are found where it is used.
tox: install
	PATH="$$(printf '%s:' $(HOME)/.pyenv/versions/3.1[0-9]*/bin)$$PATH" $(BIN)/tox

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
