# Everything a person types; each target makes the environment it needs first.
# UV_CACHE_DIR keeps the downloads inside the clone, so an empty or read-only home does.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo up test unplug leak-hunt services bench check env env-run clean clean-data

UV_VERSION := 0.13.9
UV_HOME := .cache/uv-$(UV_VERSION)
UV := $(UV_HOME)/bin/uv
PYTHON := .venv/bin/python
MANAGE := $(PYTHON) manage.py
RUN_READY := .venv/.ready-to-run
DEV_READY := .venv/.ready-to-develop
PYTEST_ARGS ?= -n 3 --dist worksteal
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# As pip and apt do: a proxy's certificate is known to the system only.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= 1
endif
export DJANGO_SETTINGS_MODULE := opsconductor.settings
export UV_COMPILE_BYTECODE := 1
unexport VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

help:  ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(RUN_READY)  ## Run a real plan on this machine; needs no server and no root
	@$(MANAGE) demo

up: $(RUN_READY)  ## Serve pages, workers and scheduler on the embedded database
	@$(MANAGE) up

test: $(DEV_READY)  ## Run the tests; PYTEST_ARGS='tests/unit -x' picks some
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

unplug: $(DEV_READY)  ## Take each guard out of the safety chain and see a test fail
	@$(PYTHON) -m tests.unplug

leak-hunt: $(DEV_READY)  ## Use 40 secrets in one run, then look for them in everything that was written
	@$(PYTHON) -m tests.leak_hunt

services: $(DEV_READY)  ## Get the programs that tests need; the tests would get them by themselves, too
	@$(PYTHON) -m tests.services

bench: $(RUN_READY)  ## Measure, beside baselines of the same run; BENCH_ARGS are passed on
	@$(MANAGE) bench $(or $(BENCH_ARGS),--json)

check: $(DEV_READY)  ## Lint, types, import direction, migrations, deployment settings, templates
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy opsconductor executions safety
	.venv/bin/lint-imports
	$(PYTHON) -W 'ignore:Got an error checking:RuntimeWarning' manage.py makemigrations --check --dry-run
	@echo 'manage.py check --deploy, as in production'
	@$(AS_IN_PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	.venv/bin/djlint templates --lint --quiet
	.venv/bin/djlint templates --check --quiet

AS_IN_PRODUCTION = env -u OPSC_DEBUG -u OPSC_HTTPS DATABASE_URL=postgres://check@127.0.0.1:1/check \
	RABBITMQ_URL=amqp://127.0.0.1:1/ OPSC_ALLOWED_HOSTS=opsconductor.example \
	SECRET_KEY="$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	OPSC_MESSAGE_KEY="$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(64))')"

env: $(DEV_READY)  ## The environment with everything for tests and checks
env-run: $(RUN_READY)  ## The environment for running only

# Both install into .venv; --inexact leaves what the other one added.
$(DEV_READY): uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --all-extras --python "$$($(FIND_PYTHON))"
	@touch $(RUN_READY) $(DEV_READY)

$(RUN_READY): uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --all-extras --no-dev --inexact --python "$$($(FIND_PYTHON))"
	@touch $(RUN_READY)

# A version manager's shim may be first on the path and not work, so each candidate has to prove itself.
FIND_PYTHON = for candidate in python3.11 python3 /usr/bin/python3.11 /usr/local/bin/python3.11; do \
	"$$candidate" -c 'import sys; sys.version_info[:2] == (3, 11) or sys.exit(1); print(sys.executable)' \
	2>/dev/null && exit 0; done; \
	echo 'Python 3.11 was not found: install it (Debian 12: apt-get install python3 python3-venv).' >&2; exit 1

$(UV):
	@python="$$($(FIND_PYTHON))"; mkdir -p .cache; \
	rm -rf $(UV_HOME); \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$python has no venv module: install it (Debian: apt-get install python3-venv)." >&2; exit 1; fi; \
	"$$python" -m venv $(UV_HOME); \
	$(UV_HOME)/bin/python -m pip install -qq --no-input --disable-pip-version-check uv==$(UV_VERSION)

clean:  ## Remove the environment, downloads and caches; the data in var/ stays
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data:  ## Remove var/, with the embedded database and its keys
	rm -rf var
