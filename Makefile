# The two commands of a clean clone are `make demo` and `make test`; both set up .venv first.
#
#   make demo     runs digits through golden models and RTL of both cores
#   make test     linter and the whole test suite
#   make setup    only the virtual environment      PYTHON=python3.12 chooses the interpreter
#   make lint     only the linter
#   make clean    removes build/'s contents; make distclean removes .venv too

.PHONY: demo test setup lint clean distclean
.DEFAULT_GOAL := demo

BIN := .venv/bin
# Tests of Verilog mostly wait for the compiler: two processes keep two cores busy.
JOBS ?= 2
# More arguments for pytest, such as TESTS="-k sparse -x".
TESTS ?=

setup:
	@sh scripts/setup.sh

demo: setup
	@$(BIN)/weft demo

test: setup
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTS)

lint: setup
	$(BIN)/ruff check .

clean:
	find build -mindepth 1 ! -name .gitignore -delete

distclean: clean
	rm -rf .venv .venv.lock
