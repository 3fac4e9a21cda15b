# The ways to run, check and measure this project. Everything they make lies in .venv/ and var/.
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet install --require-hashes
export PATH := $(BIN):$(PATH)

.PHONY: run setup setup-dev setup-npm test check types lint fix bench lock tables clean
.DEFAULT_GOAL := run

run: setup var/secret_key ## Serve on http://127.0.0.1:8000 (PORT changes it); Ctrl-C stops everything.
	@export SECRET_KEY_FILE=$(CURDIR)/var/secret_key PORT=$${PORT:-8000} PYTHONUNBUFFERED=1 && \
	python manage.py prepare && \
	echo "RunsHere: http://127.0.0.1:$$PORT/models/  (Ctrl-C stops it)" && \
	exec honcho --no-colour start

setup: $(VENV)/.runtime

setup-dev: $(VENV)/.dev

$(VENV)/.runtime: requirements/runtime.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the site needs..."
	@$(PIP) -r requirements/runtime.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "Installing what the tests need..."
	@$(PIP) -r requirements/dev.txt
	@touch $@

.PHONY: setup-mcp
setup-mcp: $(VENV)/.mcp ## What `manage.py mcp_server` needs beside the site.

$(VENV)/.mcp: $(VENV)/.runtime requirements/mcp.txt
	@echo "Installing what the MCP server needs..."
	@$(PIP) -r requirements/mcp.txt
	@touch $@

var/secret_key:
	@mkdir -p var
	@(umask 077; python -c "import secrets; print(secrets.token_urlsafe(50))" > $@)

/usr/bin/chromium:
	@echo "Installing Chromium for the browser tests..."
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium > /dev/null

/usr/bin/redis-server:
	@echo "Installing Redis for the tests of shared limits..."
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server > /dev/null

/usr/sbin/nginx:
	@echo "Installing nginx for the tests of caches in front..."
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nginx-light > /dev/null

NPM_LISTS := $(addprefix tests/npm/,package.json package-lock.json .npmrc)

setup-npm: var/npm/.stamp

var/npm/.stamp: $(NPM_LISTS)
	@command -v npm > /dev/null || { echo "Installing Node.js for the tests of its clients..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm > /dev/null; }
	@echo "Installing what the tests need of npm..."
	@mkdir -p var/npm && cp $(NPM_LISTS) var/npm/
	@cd var/npm && npm ci --ignore-scripts --loglevel=error > /dev/null
	@touch $@

test: setup-dev setup-npm /usr/bin/chromium /usr/bin/redis-server /usr/sbin/nginx check types ## Everything: lint, types, both databases, browser.
	@deploy/test.sh

.PHONY: crash
crash: setup-dev ## Every command killed at every commit, 200 races, 7 simulated days, 3,000 models: hours, on both databases.
	@deploy/crash.sh

lint check: setup-dev
	@ruff check . && ruff format --check --quiet . && lint-imports --no-logo 2>/dev/null || lint-imports

types: setup-dev
	@DEBUG=1 mypy

fix: setup-dev
	@ruff check --fix . ; ruff format .

tables: setup ## Write the tables of docs/ that are made from the browse parameters and from the ledger.
	@export SECRET_KEY=tables && python manage.py shell -v 0 -c "from pathlib import Path; \
	  from compat.management.tables import write_tables; write_tables(Path('docs'))"

bench: setup-dev ## Load rate, verdict rate, and p50/p95 of every kind of request; RECORDS=1000000 for a big catalogue.
	@python -m bench $(if $(RECORDS),--records $(RECORDS))

lock: ## Compile requirements/*.txt anew from requirements/*.in.
	@$(PYTHON) -m venv var/lock && var/lock/bin/pip --quiet install pip-tools
	@for name in runtime mcp dev; do \
	  var/lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-emit-index-url \
	    --no-emit-trusted-host --no-emit-find-links -o requirements/$$name.txt requirements/$$name.in; done

clean:
	rm -rf $(VENV) var
