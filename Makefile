# Everything that people and CI do goes through here: `make help` says what there is.
#
# Nothing but .venv, .venv-run and generated files is written into the checkout: caches live in $(CACHE).
# Paths are relative or quoted in the shell, so that a checkout below a path with spaces works.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?=
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fourplane
# Tools key their caches by path or by content of one tree: one folder for each checkout.
CHECKS := $(CACHE)/checks/$(shell pwd | cksum | cut -d' ' -f1)

VENV := .venv
PY := $(VENV)/bin/python
RUN_VENV := .venv-run
FUZZ_VENV := .venv-fuzz
SCRIPTS := tools/*.sh gitops/example/*.sh .ci/run
YAMLLINT := .yamllint docs $(wildcard crds) $(wildcard examples) $(wildcard charts) e2e gitops protos/buf.yaml

export XDG_CACHE_HOME PYTHON
export RUFF_CACHE_DIR := $(CHECKS)/ruff
export MYPY_CACHE_DIR := $(CHECKS)/mypy
export HYPOTHESIS_STORAGE_DIRECTORY := $(CHECKS)/hypothesis
export COVERAGE_FILE := $(CHECKS)/coverage
PYTEST := $(PY) -m pytest -o cache_dir="$(CHECKS)/pytest"

.PHONY: help setup quickstart ask test check fmt fmt-check lint types unit live cluster e2e generated crds protos lock tools cluster-tools node-tools \
	debian bench fuzz clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' Makefile

setup: ## Create .venv from requirements.lock (again only when the lock changed)
	@tools/venv.sh "$(VENV)" requirements.lock

quickstart: ## Run the quickstart with the run-time packages alone; ONCE=1 ends after one round
	@tools/venv.sh "$(RUN_VENV)" requirements-runtime.lock
	@"$(RUN_VENV)/bin/python" -m fourplane_cli quickstart $(if $(ONCE),--once)

ask: ## Send the quickstart's requests again, to the one that runs
	@test -x "$(RUN_VENV)/bin/python" || { echo 'Run `make quickstart` first, in another terminal.' >&2; exit 1; }
	@"$(RUN_VENV)/bin/python" -m fourplane_cli quickstart --ask

test: ## Everything that must pass before a commit lands, from nothing installed; says the time of each phase
	@tools/phases.sh "$(MAKE)" debian setup tools cluster-tools -- lint types generated unit live cluster e2e

check: ## The quick part of `test`: what to run before a commit
	@tools/phases.sh "$(MAKE)" setup -- lint types unit

fmt: setup ## Format and fix what can be fixed
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	"$$(tools/build.sh buf | cut -f2)" format -w protos

fmt-check: setup ## Tell whether `make fmt` would change something
	$(VENV)/bin/ruff format --check .

lint: setup fmt-check ## ruff, import-linter, deptry, codespell, yamllint, shellcheck, buf, helm
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports --no-logo --cache-dir "$(CHECKS)/imports"
	$(PY) -m deptry .
	$(PY) -m codespell_lib
	$(PY) -m yamllint --strict $(YAMLLINT)
	$(VENV)/bin/shellcheck $(SCRIPTS)
	tools/protos.sh lint
	"$$(tools/node.sh helm | cut -f2)" lint --quiet --strict charts/*

types: setup ## mypy, strict
	$(PY) -m mypy

# tests/unit and tests/live are two processes: tests/README.md says why.
unit: setup ## Tests without a network or a second process
	@tools/build.sh kubectl-validate health helm >/dev/null || true # without Go, only the tests that need them fail
	$(PYTEST) tests/unit

live: setup tools debian ## Tests against real peers: Triton, stock clients, h2spec, nginx
	$(PYTEST) tests/live

cluster: setup cluster-tools ## Tests against a real Kubernetes control plane
	@tools/build.sh kubectl-validate health helm >/dev/null || true # without Go, only the tests that need them fail
	$(PYTEST) tests/cluster

generated: setup ## Tell whether generated files are up to date
	tools/protos.sh check

crds: setup ## Generate crds/*.yaml from the models
	$(PY) crds/generate.py

protos: setup ## Lint protos/ and generate Python beside them
	tools/protos.sh lint
	tools/protos.sh generate

lock: setup ## Resolve the dependencies anew into the lock files
	tools/lock.sh

tools: ## Build the pinned Go programs that tests use into the cache
	@tools/build.sh >/dev/null

cluster-tools: ## Find or build etcd, kube-apiserver and the like, and helm; from nothing that takes about ten minutes
	@tools/cluster.sh >/dev/null
	@tools/node.sh helm >/dev/null

e2e: setup cluster-tools $(if $(E2E_KUBECONFIG)$(E2E_KIND),,node-tools) ## Serve from pods: on a node of our own, or with E2E_KUBECONFIG=FILE or E2E_KIND=1
	@$(if $(E2E_KUBECONFIG),:,$(PY) images/assemble.py >/dev/null)
	tools/e2e.sh $(PYTEST) e2e

node-tools: ## Find or build what a node of the end-to-end test needs, as root on Debian
	@tools/debian.sh runc containernetworking-plugins iptables
	@tools/node.sh >/dev/null

debian: ## Install the Debian packages that live tests use, or say which
	@tools/debian.sh nginx nghttp2-client

bench: setup tools cluster-tools debian ## Run the measurements in bench/, one after the other
	$(PY) bench/compile_routes.py
	$(PY) bench/front.py --document docs/performance.md
	$(PY) bench/propagation.py --document docs/performance.md

fuzz: ## Run the fuzzers of the HTTP/2 core for SECONDS (60) in all; KEEP=1 puts what is new into fuzz/corpus
	@tools/venv.sh "$(FUZZ_VENV)" fuzz/requirements.lock
	@"$(FUZZ_VENV)/bin/python" -m fuzz.run --seconds $(or $(SECONDS),60) $(if $(KEEP),--keep)

clean: ## Remove environments and caches of this checkout (what was built into the shared cache stays)
	rm -rf -- "$(VENV)" "$(RUN_VENV)" "$(FUZZ_VENV)" "$(CHECKS)" .build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
