# Every target does its own set-up, in .venv. Needs Python 3.11 or newer with pip; nothing else.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
SANITIZED := build/engine-sanitized.so
CC ?= cc

.PHONY: demo test check bench sanitize pictures engine clean

demo: .venv/ready ## train on the notebook's sequence, print the chain, draw it
	@$(BIN)/finitegpt train

test: engine ## all tests, PyTorch parity included
	$(BIN)/python -m pytest --numprocesses 2

check: engine ## lint, format, types, direction of imports, doctests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet --doctest-modules src

bench: engine ## our times beside those of peers, as ratios
	$(BIN)/python benchmarks/run.py

sanitize: engine ## the kernels under AddressSanitizer and UndefinedBehaviorSanitizer; needs a C compiler
	mkdir -p build
	$(CC) -std=c11 -O1 -g -Wall -Wextra -Wno-psabi -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	  -fPIC -shared engine/*.c -o $(SANITIZED)
	LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 \
	  $(BIN)/python -m pytest --quiet tests/test_engine.py tests/test_parity.py --engine $(SANITIZED)

pictures: .venv/ready ## the pictures in docs/
	$(BIN)/python docs/pictures.py

engine: .venv/ready-to-develop ## compile engine/ again where it changed
	@$(BIN)/python hatch_build.py

.venv/ready: pyproject.toml hatch_build.py $(wildcard engine/*.[ch])
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	@touch $@

.venv/ready-to-develop: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable '.[torch,dev]'
	@touch $@ .venv/ready

clean:
	rm -rf .venv build src/finitegpt/_engine
