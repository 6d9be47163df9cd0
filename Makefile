# Every target does its own set-up, in .venv. Needs Python 3.11 or newer with pip; nothing else.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
SANITIZED := build/engine-sanitized.so
CC ?= cc

.PHONY: demo tools test check campaign oracles bench examples sanitize wander pictures engine clean

demo: .venv/ready ## train on the notebook's sequence, print the chain, draw it
	@$(BIN)/finitegpt train

tools: ## what the tests of the page need from npm, where there is one
	@npm --prefix tests/page install --no-package-lock --no-audit --no-fund --silent || \
	  echo "without npm, types and accessibility of the page are not tested"

test: engine tools ## all tests, PyTorch parity included; those of the page need browsers and Node.js, or are skipped
	$(BIN)/python -m pytest --numprocesses 2 $(OPTIONS)

check: engine ## lint, format, types, direction of imports, doctests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet --doctest-modules src

campaign: engine ## 10,000 random chains: no certified interval may exclude the truth by ball arithmetic; see tests/campaign.py
	$(BIN)/python tests/campaign.py --chains 10000 --workers 2 $(OPTIONS)

oracles: ## beside PyDTMC, which needs NumPy 1, the oldest we support, and Storm, UMB and Arrow: each lot in its own .venv
	test -x .venv-oracles/bin/python || $(PYTHON) -m venv .venv-oracles
	.venv-oracles/bin/python -m pip --disable-pip-version-check install --quiet . pydtmc pytest hypothesis
	.venv-oracles/bin/python -m pytest --quiet tests/test_pydtmc.py tests/test_chain.py tests/test_exchange.py tests/test_migration.py
	test -x .venv-formats/bin/python || $(PYTHON) -m venv .venv-formats
	.venv-formats/bin/python -m pip --disable-pip-version-check install --quiet '.[arrow]' stormpy umbi pandas polars deeptime pytest hypothesis
	.venv-formats/bin/python -m pytest --quiet tests/test_exchange.py tests/test_migration.py tests/test_storm.py

bench: engine ## our times beside those of peers, as ratios
	$(BIN)/python benchmarks/run.py

examples: engine ## every example in full, pictures in examples/pictures/
	for script in $(filter-out examples/table.py examples/bare.py examples/scalar_gpt.py,$(wildcard examples/*.py)); do $(BIN)/python $$script || exit 1; done

sanitize: engine ## the kernels under AddressSanitizer and UndefinedBehaviorSanitizer; needs a C compiler
	mkdir -p build
	$(CC) -std=c11 -O1 -g -Wall -Wextra -Wno-psabi -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	  -fPIC -shared engine/*.c -o $(SANITIZED)
	LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 \
	  $(BIN)/python -m pytest --quiet tests/test_engine.py tests/test_parity.py tests/test_graph.py \
	  tests/test_analysis_hitting.py tests/test_analysis_absorption.py tests/test_analysis_survival.py \
	  tests/test_analysis_mixing.py --engine $(SANITIZED)

wander: engine ## an hour over all controls of the page in each browser: no exception, no growth; see tests/random_walk.py
	$(BIN)/python tests/random_walk.py $(OPTIONS)

pictures: engine ## the pictures in docs/
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
	rm -rf .venv .venv-oracles .venv-formats build src/finitegpt/_engine
