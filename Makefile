# The tasks of this repository; `make` prints them. Each one first makes what it needs, and makes it once:
# .venv (again when requirements-dev.txt changes), and kube-apiserver, etcd, kubectl and helm (found, or built into a cache).

PYTHON ?= python3
ENGINE ?= docker
IMAGE ?= ram-operator:dev
SIMULATOR_IMAGE ?= ram-simulator:dev
KIND_CLUSTER ?= ram-operator
KIND_NODE_IMAGE ?=
BUILD = $(ENGINE) build --file deploy/Dockerfile $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE))
KIND = KIND_CLUSTER=$(KIND_CLUSTER) KIND_NODE_IMAGE=$(KIND_NODE_IMAGE) IMAGE=$(IMAGE) SIMULATOR_IMAGE=$(SIMULATOR_IMAGE)
TESTS ?= tests/unit tests/contract tests/chart tests/docs tests/cluster tests/security
JOBS ?= 2
BASE_IMAGE ?=
ARGS ?=

BIN := .venv/bin
SOURCES := operator/ram_operator operator/ram_simulator operator/ram_sandbox tests docs deploy
# Published as source only; everything else is installed as it was built by its authors.
FROM_SOURCE := alibabacloud-tea,crcmod,oss2
INSTALL := -m pip install --disable-pip-version-check --only-binary :all:
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv setup demo recording test check format generate soak mutation conformance bench image sbom kind kind-down lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  variables: PYTHON=$(PYTHON)  ARGS='options for demo, test, soak, bench'  KUBERNETES_VERSION=1.30.14"
	@echo "             JOBS=$(JOBS) (test)  ENGINE=$(ENGINE)  IMAGE=$(IMAGE)  KIND_NODE_IMAGE=the image of kind's nodes"

setup: venv ## .venv, and kube-apiserver, etcd, kubectl and helm: found, or built once and cached
	@$(BIN)/ram-sandbox setup

demo: setup ## the whole story on a real API server and a simulated cloud, each step checked (ARGS=--keep)
	@$(BIN)/ram-sandbox demo $(ARGS)

recording: setup ## record the demo as docs/demo.svg
	@mkdir -p build
	@$(BIN)/ram-sandbox demo > build/demo.txt && $(BIN)/python -m docs.recording < build/demo.txt > docs/demo.svg

test: setup ## all tests, the fast ones first (TESTS=tests/unit ARGS='-k name')
	$(BIN)/pytest $(TESTS) -m 'not soak and not conformance' -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: venv ## format, lint, types, import contracts, chart, copies of the CRDs; what .ci/run does before the tests
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	"$$($(BIN)/ram-sandbox which helm)" lint --strict charts/ram-operator
	@deploy/render --check
	$(BIN)/python -m docs.generate --check

format: venv ## write the code as `make check` wants it
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

generate: setup ## write what is made from something else: the chart's copies of crds/, deploy/base/, tables of docs/
	@deploy/render
	@$(BIN)/python -m docs.generate

soak: setup ## long sweeps and fault rounds
	HYPOTHESIS_PROFILE=random $(BIN)/pytest tests -m soak $(ARGS)

mutation: venv ## each small change of the simulator's policy engine must fail a test of it (ARGS=engine.decide)
	@$(BIN)/python -m tests.mutation $(ARGS)

conformance: venv ## the official SDKs walk the simulator: Python, Node, Go, Java; what is not installed is skipped
	$(BIN)/pytest tests/contract/clients -rs -m 'not soak' $(ARGS)

bench: setup ## print how fast and how frugal the operator is (ARGS=--quick)
	@$(BIN)/python -m tests.bench $(ARGS)

image: ## build the images of the operator and the simulator (ENGINE=docker IMAGE=name:tag SIMULATOR_IMAGE=... BASE_IMAGE=...)
	@command -v $(ENGINE) >/dev/null || { echo "make image needs $(ENGINE), and it is not on PATH: install it," \
		"or name another engine: make image ENGINE=podman" >&2; exit 1; }
	$(BUILD) --tag $(IMAGE) .
	$(BUILD) --target simulator --tag $(SIMULATOR_IMAGE) .

sbom: ## write the bill of materials of the operator's image to build/
	@mkdir -p build
	@$(PYTHON) deploy/sbom.py > build/ram-operator.cdx.json
	@echo "wrote build/ram-operator.cdx.json"

kind: ## a kind cluster with the operator and the simulated cloud in it (KIND_NODE_IMAGE=...)
	@[ "$(ENGINE)" = docker ] || { echo "make kind works with docker only: leave out ENGINE=$(ENGINE)" >&2; exit 1; }
	@$(KIND) deploy/kind/up

kind-down: ## remove the kind cluster
	@command -v kind >/dev/null || { echo "make kind-down needs kind, and it is not on PATH" >&2; exit 1; }
	kind delete cluster --name $(KIND_CLUSTER)

lock: ## write the requirements*.txt anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: install it with 'pipx install uv' or your package manager" >&2; exit 1; }
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --all-extras --group dev --output-file requirements-dev.txt pyproject.toml
	$(COMPILE) --constraint requirements-dev.txt --output-file requirements-simulator.txt operator/ram_simulator/pyproject.toml
	$(COMPILE) --constraint requirements-dev.txt --group build --output-file requirements-build.txt

clean: ## remove .venv and what the tools leave; the cache of built binaries stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +

venv: .venv/.package

.venv/.requirements: requirements-build.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 || true)" >&2; \
		echo "Install it (Debian: apt install python3 python3-venv) or name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "'$(PYTHON)' has no venv module: install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "== .venv: $$($(PYTHON) --version), then the locked requirements (one minute, or several on a busy machine)"
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python $(INSTALL) --quiet --require-hashes --requirement requirements-build.txt
	@{ $(BIN)/python $(INSTALL) --no-binary $(FROM_SOURCE) --no-build-isolation --progress-bar off \
		--require-hashes --requirement requirements-dev.txt && echo "== done"; } | awk ' \
		/^Collecting/ && ++n % 10 == 0 { print "   " n " packages found" } /^Installing/ { print "   installing" } \
		/^== done/ { done = 1 } { fflush() } END { exit !done }'
	@touch $@

.venv/.package: .venv/.requirements pyproject.toml
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@
