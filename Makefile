# Set up, run and check chainer_pose; README.md tells what each does.

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

# The paper's tables: make table1 GPU=0 H36M=/path. Prepares the data, trains (or
# goes on where an earlier call stopped), measures and draws. TRAIN_OPTIONS adds
# options of train.py; a resumed run takes its own.
GPU ?= -1
RESULTS ?= results
H36M_FILE ?= data/h36m.h5
3DHP_FILE ?= data/mpi_inf_3dhp.h5
TRAIN_OPTIONS ?= --epoch 50

.PHONY: install demo table1 table2 pck test test-slow fuzz coverage tox lint format clean

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

$(H36M_FILE): | install
	@test -n "$(H36M)" || { echo "make: $@: expected H36M=/path/to/Human3.6M, found none" >&2; exit 2; }
	$(BIN)/python data/prepare_h36m.py --root "$(H36M)" --out $@

$(3DHP_FILE): | install
	@test -n "$(MPI_INF_3DHP)" || { echo "make: $@: expected MPI_INF_3DHP=/path, found none" >&2; exit 2; }
	$(BIN)/python data/prepare_mpi_inf_3dhp.py --root "$(MPI_INF_3DHP)" --out $@

# $(call reproduce,NAME,DATA,options of train.py,options of evaluate.py). The table
# is of the last generator: the best is chosen by its error on the test split.
define reproduce
	if ls $(RESULTS)/$(1)/snapshot_*.npz >/dev/null 2>&1; then \
	    $(BIN)/python train.py --resume $(RESULTS)/$(1) --gpu $(GPU); \
	else \
	    rm -rf $(RESULTS)/$(1) && \
	    $(BIN)/python train.py --dataset $(2) --gpu $(GPU) --out $(RESULTS)/$(1) $(3) $(TRAIN_OPTIONS); \
	fi
	$(BIN)/python evaluate.py --snapshot $(RESULTS)/$(1) --generator last --gpu $(GPU) $(4) \
	    --format markdown --output $(RESULTS)/$(1).md --figures 5 --figures-dir $(RESULTS)/$(1)-figures
	@cat $(RESULTS)/$(1).md
endef

table1: $(H36M_FILE)
	$(call reproduce,table1,$(H36M_FILE),,--table 1)

table2: $(H36M_FILE)
	$(call reproduce,table2,$(H36M_FILE),--keypoints sh,--table 2)

pck: $(3DHP_FILE)
	$(call reproduce,pck,$(3DHP_FILE),,--protocol pck)

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

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .coverage .tox
