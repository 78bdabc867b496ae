# make app    serve the app at http://localhost:8501
# make test   linters and all tests
# make lint   linters alone
# make lock   bring the requirements*.txt in line with pyproject.toml; newer versions of all:
#             make lock UPGRADE=--upgrade
# make help   print these lines
#
# Needs make and Python 3.11 or newer; everything else goes into .venv, once, and again when the
# requirements change. Another interpreter: make app PYTHON=/path/to/python3.

PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { command -v $$name; break; }; done)
ADDRESS ?= 127.0.0.1
PORT ?= 8501

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
SERVE_READY := $(VENV)/.serve-ready
DEV_READY := $(VENV)/.dev-ready

# ONNX Runtime reports its use to its maker unless told not to; a hospital's machine should not.
export ORT_DISABLE_TELEMETRY := 1

.PHONY: app test lint lock chromium help

app: $(SERVE_READY)
	@echo "Serving http://localhost:$(PORT) (stop with Ctrl+C)"
	@$(BIN)/python -m streamlit run app.py --server.headless=true \
		--server.address=$(ADDRESS) --server.port=$(PORT) --browser.gatherUsageStats=false

test: lint chromium
	$(BIN)/python -m pytest

lint: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

# A distribution's package rather than Playwright's own download, which lacks the system libraries.
chromium:
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif ! command -v apt-get >/dev/null; then \
		echo "No Chromium here: install it, or the browser test is skipped."; \
	elif [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; \
	elif sudo -n true 2>/dev/null; then \
		sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends chromium; \
	else \
		echo "No Chromium here and no right to install it: the browser test is skipped."; \
	fi

# The development lock comes first and binds the other two, so that all three agree.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --quiet \
	--universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links

lock: $(DEV_READY)
	$(COMPILE) $(UPGRADE) --extra train --group dev -o requirements-dev.txt
	$(COMPILE) --extra train -c requirements-dev.txt -o requirements.txt
	$(COMPILE) -c requirements-dev.txt -o requirements-serve.txt

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
