# make app: install and open. make test: install and test. Both need Python 3.11+ and make only.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PORT   ?= 8501

.PHONY: app test test-browser test-spark test-servers test-all label-studio lint format docs bench pins clean

app: $(VENV)/.user
	@echo "Tilth opens on http://127.0.0.1:$(PORT) (stop it with Ctrl+C)"
	$(BIN)/tilth app --port $(PORT)

# Everything that needs neither a browser nor Java nor a database server.
test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "not e2e and not spark and not random and not servers"

test-browser: $(VENV)/.dev
	$(BIN)/python -m pytest -m e2e tests/e2e $(ONLY)

# The three-way agreement on Spark: each transform's first example. `make test-all` runs every variant and random tables.
test-spark: $(VENV)/.dev
	$(BIN)/python -m pytest -m spark -k "0-example or spark_connect or on_spark"

# The feature store on a real Redis and PostgreSQL, and syncing with a real Label Studio, which the tests start themselves.
test-servers: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist loadgroup -m servers

# A Label Studio server for those tests, in an environment of its own (800 MB).
label-studio: .venv-label-studio/.made

.venv-label-studio/.made: requirements-labelstudio.txt | $(VENV)/.dev
	$(PYTHON) -m venv .venv-label-studio
	.venv-label-studio/bin/python -m pip install --disable-pip-version-check -q -r requirements-labelstudio.txt
	$(BIN)/python -m tests.labeling.label_studio_server
	@touch $@

test-all: test test-browser
	TILTH_CHAOS_S=300 $(BIN)/python -m pytest -n auto --dist loadgroup -m servers
	$(BIN)/python -m pytest -m spark
	$(BIN)/python -m pytest -n auto --dist loadgroup -m random

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python docs/generate.py --check

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/recipe.py
	$(BIN)/python benchmarks/featurestore.py
	$(BIN)/python benchmarks/profile.py

$(VENV)/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "Tilth needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.user: $(VENV)/bin/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.user requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt -c requirements.txt
	@touch $@

# Resolve requirements*.in anew in a clean environment.
pins:
	rm -rf .venv-pins && $(PYTHON) -m venv .venv-pins
	.venv-pins/bin/pip install -q -r requirements.in
	{ echo "# Made by 'make pins' from requirements.in: what a user installs."; .venv-pins/bin/pip freeze; } > requirements.txt
	.venv-pins/bin/pip install -q -r requirements-dev.in -c requirements.txt
	{ echo "# Made by 'make pins' from requirements-dev.in: what developing and testing needs beside requirements.txt."; \
	  .venv-pins/bin/pip freeze | grep -vxFf requirements.txt; } > requirements-dev.txt
	rm -rf .venv-pins

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build *.egg-info
