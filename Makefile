# make app    serve the app at http://localhost:8501
# make test   linters, all tests and the documentation
# make test-fast   the tests that take no more than a minute or so together
# make lint   linters alone
# make docs   the documentation, into site/
# make wheel  a wheel that carries its weights, into dist/
# make lock   bring the requirements*.txt in line with pyproject.toml; newer versions of all:
#             make lock UPGRADE=--upgrade
# make fuzz   all bad files, then six minutes of fuzzing the way from an upload's bytes to the located sheet
# make load   twenty visitors at once against a real server, for a minute
# make sbom   the serving dependencies as CycloneDX, into build/sbom.cdx.json
# make vulnerabilities   known weaknesses of the serving dependencies (asks the OSV data base)
# make licences   the dependencies' licences, into docs/licences.md
# make reproduce DATA=DIR   make again what is stale of the shipped artefacts (docs/retraining.md)
# make help   print these lines
#
# Needs make and Python 3.11 or newer; everything else goes into .venv, once, and again when the
# requirements change. Another interpreter: make app PYTHON=/path/to/python3.

PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { command -v $$name; break; }; done)
# Files run side by side; the tests of one file stay together, since they share what they set up.
# In their own order, files of a few long tests do not come last, where one core would wait. One
# more than two cores, since browsers and servers are waited for.
PARALLEL ?= -n 3 --dist loadfile --no-loadscope-reorder
LONG_TESTS := training or browser or model_quality or package or fuzz_corpus or slow
ADDRESS ?= 127.0.0.1
PORT ?= 8501

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
SERVE_READY := $(VENV)/.serve-ready
DEV_READY := $(VENV)/.dev-ready

# ONNX Runtime reports its use to its maker unless told not to; a hospital's machine should not.
export ORT_DISABLE_TELEMETRY := 1

.PHONY: app test test-fast lint docs wheel lock browser fuzz load sbom vulnerabilities licences \
	reproduce help

app: $(SERVE_READY)
	@$(BIN)/python -m ecgapp app --address "$(ADDRESS)" --port "$(PORT)"

test: lint docs
	@$(MAKE) --no-print-directory browser || echo "The browser tests will be skipped." >&2
	$(BIN)/python -m pytest $(PARALLEL) -m "not fuzz_corpus"

# What is left out is not even imported: TensorFlow alone takes seconds.
test-fast: $(DEV_READY)
	$(BIN)/python -m pytest $(PARALLEL) \
		-m "not ($(LONG_TESTS))" \
		--ignore=tests/training --ignore=tests/benchmark

lint: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(DEV_READY)
	$(BIN)/python -m mkdocs build --strict --quiet

wheel: $(DEV_READY)
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

# Six minutes; the fuzzer is built for Linux and macOS only, and nothing else needs it.
fuzz: $(DEV_READY)
	$(BIN)/python -m pytest -m fuzz_corpus
	$(BIN)/python -m pip install --quiet "atheris==3.0.0"
	for target in intake dicom waveform pdf zip align; do \
		$(BIN)/python -m tests.fuzz.fuzz_reading $$target || exit 1; \
	done

load: $(DEV_READY)
	PYTHONPATH=.:tests $(BIN)/python -m load.users

# Tools of their own folder: neither serving nor the tests need them.
TOOLS := build/tools
$(TOOLS)/%: | $(BIN)/python
	$(BIN)/python -m venv $(TOOLS)/$*
	$(TOOLS)/$*/bin/python -m pip install --quiet --disable-pip-version-check "$*==$(VERSION_OF_$*)"
VERSION_OF_cyclonedx-bom := 7.5.0
VERSION_OF_pip-audit := 2.10.1

sbom: $(TOOLS)/cyclonedx-bom
	$(TOOLS)/cyclonedx-bom/bin/cyclonedx-py requirements requirements-serve.txt \
		--pyproject pyproject.toml --output-reproducible --output-file build/sbom.cdx.json

vulnerabilities: $(TOOLS)/pip-audit
	$(TOOLS)/pip-audit/bin/pip-audit --requirement requirements-serve.txt --require-hashes \
		--disable-pip --vulnerability-service osv

licences: $(DEV_READY)
	$(BIN)/python deploy/licences.py

# Chromium is the distribution's: Playwright's own download comes without its system libraries.
# Playwright itself needs libatomic, which a bare Debian lacks.
browser:
	@packages=""; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
		|| command -v google-chrome >/dev/null || packages="chromium"; \
	if command -v dpkg-query >/dev/null && ! dpkg-query --show libatomic1 >/dev/null 2>&1; then \
		packages="$$packages libatomic1"; \
	fi; \
	[ -n "$$packages" ] || exit 0; \
	sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	if ! command -v apt-get >/dev/null || ! $$sudo true 2>/dev/null; then \
		echo "The browser tests need these, and they cannot be installed from here: $$packages" >&2; \
		exit 1; \
	fi; \
	echo "Installing for the browser tests: $$packages"; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$packages >/dev/null

# The development lock comes first and binds the other two, so that all three agree.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --quiet \
	--universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links

lock: $(DEV_READY)
	$(COMPILE) $(UPGRADE) --extra train --group dev -o requirements-dev.txt
	$(COMPILE) --extra train -c requirements-dev.txt -o requirements.txt
	$(COMPILE) -c requirements-dev.txt -o requirements-serve.txt

# `data` is a link, so that dvc.lock names no machine's folders; DATA is needed once.
reproduce: $(DEV_READY)
	@[ -n "$(DATA)" ] || [ -d data ] || { \
		echo "Say where the data are: make reproduce DATA=DIR" >&2; exit 2; }
	@[ -z "$(DATA)" ] || [ ! -e data ] || [ -L data ] || { \
		echo "There is a folder data, where a link to DATA is needed; move it away" >&2; exit 2; }
	@[ -z "$(DATA)" ] || ln -sfn "$(abspath $(DATA))" data
	@[ -f data/khan/manifest.csv ] || $(BIN)/python -m ecgapp manifest data/khan
	$(BIN)/python -m ecgapp code-versions
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

help:
	@sed -n 's/^# \{0,1\}//p; /^$$/q' Makefile

$(SERVE_READY): requirements-serve.txt | $(BIN)/python
	$(PIP_INSTALL) -r $<
	@touch $@

$(DEV_READY): requirements-dev.txt | $(BIN)/python
	@echo "Installing the development requirements into $(VENV) (a few minutes the first time)"
	$(PIP_INSTALL) -r $<
	@touch $@

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv" >&2; \
		exit 1; }
