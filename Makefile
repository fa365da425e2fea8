# sampan: `make run` and `make test` set up what is missing, on a machine that has Python 3.11 and a C compiler.

PYTHON ?= python3
export PYTHON

VENV := .venv
PROJECT := $(VENV)/.project
TEST_TOOLS := $(VENV)/.test-tools
DOCS_TOOLS := $(VENV)/.docs-tools
BUNDLE := .cache/host-bundle

# All that the package is made of, but not what a build by hand leaves in the source tree.
SOURCES := pyproject.toml meson.build meson.options scripts/list-python-files scripts/install-into-venv \
	scripts/meson.build scripts/make-reference scripts/reference_text.py \
	$(shell find src -type f ! -name '*.pyc' ! -name '*.so' ! -path src/sampan/init) \
	$(shell find src -type d ! -name __pycache__)

.DELETE_ON_ERROR:
.PHONY: help run build test test-vm lint lint-python lint-c docs fuzz bench clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; \
		do printf '  make %-12s %s\n' "$$name" "$$text"; done

run: build ## run a container of this machine's own programs, and show what it sees of itself
	@rm -rf $(BUNDLE)
	@$(VENV)/bin/sampan spec --rootfs host $(BUNDLE)
	@$(VENV)/bin/sampan run --bundle $(BUNDLE) "make-run-$$$$"

build: $(PROJECT) ## build sampan and install it into .venv

test: lint build $(TEST_TOOLS) $(DOCS_TOOLS) fuzz ## check everything: style, types, C, and all tests on sampan, runc and crun
	@scripts/run-tests

test-vm: build $(TEST_TOOLS) ## run the tests that need all of cgroup v2, or systemd, in a virtual machine
	@scripts/install-debian-packages vm
	@tests/vm/test

lint: lint-python lint-c ## check style, types and C

lint-python: $(TEST_TOOLS) ## check the style and the types of the Python files
	@$(VENV)/bin/ruff format --quiet --check . || $(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/mypy --no-error-summary

lint-c: $(PROJECT) ## compile the C files with all warnings, and analyze them
	@scripts/check-c

docs: $(DOCS_TOOLS) ## build the documentation as a site
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict
	@echo "It is in build/site. To read it: python3 -m http.server --directory build/site"

fuzz: ## feed broken plans, JSON, documents and state files to what reads them, for a minute
	@if [ -x tests/fuzz/run ]; then tests/fuzz/run; fi

bench: build ## measure sampan beside runc and crun
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python benchmarks/run_true.py
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python benchmarks/exec_true.py
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python benchmarks/library.py
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python benchmarks/engines.py

clean: ## remove what the other targets have made
	rm -rf $(VENV) build .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f src/sampan/*.so src/sampan/init
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PROJECT): $(SOURCES)
	@scripts/install-debian-packages build
	@scripts/install-into-venv project
	@touch $@

# Without Debian's packages for the tests (or without being root to install them) the tests that need them skip.
$(TEST_TOOLS): pyproject.toml scripts/install-debian-packages scripts/install-into-venv | $(PROJECT)
	@scripts/install-debian-packages test || echo "Tests that need what is missing will be skipped." >&2
	@scripts/install-into-venv extras test lint examples
	@touch $@

$(DOCS_TOOLS): pyproject.toml scripts/install-into-venv
	@scripts/install-into-venv extras docs
	@touch $@
