# Set up, run and check chainer_pose; README.md, "Start" tells what each does.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Chainer's archive does not build with setuptools 81 or newer. Newer pips take
# the constraint for builds from one variable, older ones from the other.
CONSTRAINED := PIP_BUILD_CONSTRAINT=build-constraints.txt PIP_CONSTRAINT=build-constraints.txt
DEMO := results/demo
# Smaller and in larger batches than the paper's, to be done in minutes on a CPU;
# the deviation keeps the size of the signal that 0.02 gives 1024 units.
DEMO_OPTIONS := --iterations 6000 --batchsize 256 --n-unit 256 --init-std 0.04

.PHONY: install demo test tox lint format clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml setup.py build-constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(CONSTRAINED) $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

# One thread: with small matrices a second one of BLAS gains little, and on a
# busy machine the two wait for each other most of the time.
demo: export OMP_NUM_THREADS := 1
demo: install
	rm -rf $(DEMO)
	$(BIN)/python train.py --dataset synthetic --out $(DEMO) $(DEMO_OPTIONS)
	$(BIN)/python evaluate.py --snapshot $(DEMO) --protocol all
	@echo "pictures: $(DEMO)/poses/ and $(DEMO)/*.png"

test: install
	$(BIN)/python -m pytest

# The tests on Python 3.10 to 3.13; those of pyenv are found where it is used.
tox: install
	PATH="$$(printf '%s:' $(HOME)/.pyenv/versions/3.1[0-9]*/bin)$$PATH" $(BIN)/tox

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .tox
