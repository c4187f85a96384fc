# Everything a person or a machine does to this project. `make` alone explains itself.
#
# Only python3 (3.11 to 3.14) and make are assumed; all else goes into .venv. Recipes use relative
# paths and `python -m`, so that a checkout may be moved and its path may hold spaces.

PYTHON ?= python3
VENV ?= .venv
SEEDS ?= 200
MINUTES ?= 30
ARGS ?=
UPGRADE ?=

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONUNBUFFERED = 1

py := $(VENV)/bin/python
pip := $(py) -m pip install --quiet --no-input
# The stamps carry the checkout's place: a moved or copied checkout is installed anew.
place := $(shell pwd | cksum | cut -d ' ' -f 1)
run_stamp := $(VENV)/.run-$(place)
dev_stamp := $(VENV)/.dev-$(place)

fast_tests := $(wildcard tests/unit tests/property)
fleet_tests := $(wildcard tests/fault/test_fleet*.py)
slow_tests := tests/simulation tests/component tests/contract tests/integration tests/pipelines \
	$(wildcard tests/security)

security_tests := tests/fault/test_kafka_rights.py tests/fault/test_kafka_credentials.py \
	tests/fault/test_broker_certificates.py tests/fault/test_kafka_tls.py \
	tests/component/test_client_tls.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup check test extra k8s demo bench bench-latency sim canaries fuzz soak torture format lock schemas \
	dashboard manifests docs references screenshots tools wheel sbom provenance release audit security clean _format _lint _types _imports _fast _simulation _slow _faults _fleets

help:  ## Say what there is.
	@echo 'cohortd: what make can do'
	@sed -n 's/^\([a-z0-9]*\):[^#]*## \(.*\)$$/  make \1|\2/p' Makefile \
		| while IFS='|' read -r name text; do printf '%-15s %s\n' "$$name" "$$text"; done
	@echo
	@echo 'Variables: PYTHON=python3.12 VENV=.venv ARGS="..." SEEDS=n MINUTES=n'

# --- set-up -------------------------------------------------------------------------------------

setup: $(dev_stamp)  ## Make .venv with everything that checks and tests need.

$(VENV)/bin/python:
	@$(PYTHON) -c '' 2>/dev/null || { \
		echo '$(PYTHON) was not found: install Python 3.11 or newer,' \
			'or name one: make PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || { \
		echo "cohortd needs Python 3.11 to 3.14; $(PYTHON) is" \
			"$$($(PYTHON) --version 2>&1): name another: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '$(PYTHON) comes without venv: install it (Debian and Ubuntu:' \
			'apt-get install python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

$(run_stamp): requirements/run.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	@echo 'Installing what the daemon needs into $(VENV) ...'
	@$(pip) --require-hashes --only-binary :all: -r requirements/run.txt -r requirements/build.txt
	@$(pip) --no-deps --no-build-isolation --editable .
	@touch $@

$(dev_stamp): requirements/dev.txt $(run_stamp)
	@echo 'Installing what checks and tests need into $(VENV) ...'
	@$(pip) --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

# --- to see it work -----------------------------------------------------------------------------

demo: $(run_stamp)  ## Watch the daemon work, on an embedded Kafka and Braze (ARGS=--faults).
	@$(VENV)/bin/cohortd demo $(ARGS)

# --- to prove it --------------------------------------------------------------------------------

check: setup  ## Format, lint, types, imports, unit, property, simulation: under two minutes.
	@$(MAKE) --no-print-directory -k -j2 --output-sync=target \
		_types _lint _format _imports _fast _simulation

_format: setup
	@$(py) -m ruff format --quiet --check . || { echo 'make format puts this right' >&2; exit 1; }

_lint: setup
	@$(py) -m ruff check --quiet .

_types: setup
	@$(py) -m mypy --no-error-summary

_imports: setup
	@said=$$($(py) -c 'from importlinter.cli import lint_imports_command as lint; lint()' 2>&1) \
		|| { echo "$$said"; exit 1; }

_fast: setup
	@$(py) -m pytest -q $(fast_tests)

_simulation: setup
	@$(py) -m tests.simulation --seeds $(SEEDS)

test: setup  ## Everything: check, then all other tests, on a real Kafka where one can be had.
	@sh scripts/broker-check
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory -k -j2 --output-sync=target _slow _faults _fleets
	@sh scripts/broker-check

# The simulation goes on where check has stopped: 1,000 worlds in all.
_slow: setup
	@SIM_FIRST=$(SEEDS) SIM_SEEDS=800 $(py) -m pytest -q --durations=10 $(slow_tests) $(ARGS)

# Beside the others: these mostly wait, for a session to run out or a broker to come back.
_faults: setup
	@$(py) -m pytest -q --durations=10 tests/fault $(addprefix --ignore=,$(fleet_tests)) $(ARGS)

_fleets: setup
	@$(py) -m pytest -q --durations=10 $(fleet_tests) $(ARGS)

extra: setup  ## What takes longer: the image built and run, compose's services, httpx2.
	@sh scripts/tools extra
	@$(py) -m pytest -q tests/extra $(ARGS)

k8s: setup  ## The chart at Kubernetes' own API server, built with Go: minutes, the first time.
	@sh scripts/tools k8s
	@$(py) -m pytest -q tests/k8s $(ARGS)

security: setup  ## What tries the controls of docs/security-controls.md, the slow ones too.
	@$(py) -m pytest -q --durations=10 tests/security $(security_tests) $(ARGS)
	@$(MAKE) --no-print-directory wheel sbom

# Asked of the package index; or of a snapshot in OSV's format, which must be fresh.
locks := $(wildcard requirements/*.txt)
audit_venv := .cache/audit
audit_stamp := $(audit_venv)/.made-$(place)

audit: $(if $(ADVISORIES),setup,$(audit_stamp))  ## Known weaknesses of what is locked (ADVISORIES=folder: offline).
ifdef ADVISORIES
	@$(py) scripts/audit.py '$(ADVISORIES)' $(locks)
else
	@$(audit_venv)/bin/pip-audit --strict --disable-pip --require-hashes \
		--progress-spinner off $(addprefix -r ,$(locks))
endif

$(audit_stamp): requirements/audit.txt
	@$(PYTHON) -m venv --clear $(audit_venv)
	@$(audit_venv)/bin/python -m pip install --quiet --no-input --require-hashes \
		--only-binary :all: -r requirements/audit.txt
	@touch $@

torture: setup  ## Hundreds of kills, restarts, freezes and rebalances: some hours.
	@FAULT_IDLE_S=10 FAULT_KILLS=100 FAULT_ROUNDS=100 FAULT_ZOMBIES=50 FAULT_REBALANCES=500 BROKER_KILLS=50 \
		FREEZE_S=60 COHORTD_TEST_SILENT_S=60 MATRIX_SEEDS=20 LOST_ANSWERS=1000 \
		HUNG_TRANSACTION_S=90 WIRE_RECORDS=6000 \
		$(py) -m pytest -q -s tests/fault $(ARGS)
	@$(py) -m tests.bench --outage --rate 1000 --seconds 1800

sim: setup  ## The seeded simulation of the core: SEEDS=n worlds.
	@$(py) -m tests.simulation --seeds $(SEEDS) $(ARGS)

canaries: setup  ## Look for every planted bug afresh (ARGS=--write records the seeds).
	@$(py) -m tests.simulation.canary_search $(ARGS)

fuzz: setup  ## A million hostile inputs for every decoder, guided by coverage (ARGS=--keep).
	@$(pip) --require-hashes --only-binary :all: -r requirements/fuzz.txt
	@$(py) -m tests.fuzz $(ARGS)

soak: setup  ## The real daemon under faults for MINUTES, then every cohort compared.
	@$(VENV)/bin/cohortd demo --faults --seconds $$(( $(MINUTES) * 60 )) $(ARGS)

bench: setup  ## Events per CPU-second of the whole daemon beside a bare consume loop.
	@$(py) -m tests.bench $(ARGS)

bench-latency: setup  ## From event to acceptance at 10,000 events a second: p50, p99, cores.
	@$(py) -m tests.bench --latency --rate 10000 $(ARGS)

# --- to change it -------------------------------------------------------------------------------

format: setup  ## Put format, and what lint can mend, right.
	@$(py) -m ruff check --quiet --fix . ; $(py) -m ruff format .

# Universal: one file serves every supported Python and platform. Pins stay unless UPGRADE is set.
lock_one = $(py) -m uv pip compile --quiet --system-certs --generate-hashes --no-emit-index-url --universal \
	--python-version 3.11 --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

schemas: setup  ## Make the configuration's schema anew, from the settings and their page.
	@$(py) scripts/config_schema.py > schemas/configuration.schema.new
	@mv schemas/configuration.schema.new schemas/configuration.schema.json

# Helm reads nothing outside of a chart, so it has copies of the rules and the dashboard.
chart_files := deploy/prometheus/cohortd.rules.yml deploy/grafana/cohortd.json
HELM ?= $(or $(wildcard .tools/bin/helm),helm)

tools:  ## Build into .tools, with Go, what tries the files in deploy: Helm and others. Minutes.
	@sh scripts/tools

manifests:  ## Render deploy/kubernetes and the chart's README anew (make tools builds Helm).
	@cp $(chart_files) deploy/chart/cohortd/files/
	@mkdir -p deploy/kubernetes
	@$(HELM) template cohortd deploy/chart/cohortd --kube-version 1.31.0 \
		-f deploy/chart/cohortd/ci/minimal-values.yaml > deploy/kubernetes/cohortd.yaml.new
	@mv deploy/kubernetes/cohortd.yaml.new deploy/kubernetes/cohortd.yaml
	@$(or $(wildcard .tools/bin/helm-docs),helm-docs) --chart-search-root deploy/chart --log-level warning

screenshots: setup  ## Take the pictures of docs/images anew, with Chromium: some four minutes.
	@PYTHONPATH=. $(py) scripts/screenshots.py

dashboard: setup  ## Make deploy/grafana/cohortd.json anew.
	@$(py) deploy/grafana/dashboard.py > deploy/grafana/cohortd.json.new
	@mv deploy/grafana/cohortd.json.new deploy/grafana/cohortd.json

references: setup  ## Make the pages of docs/reference anew, from the code.
	@$(py) -m scripts.references

docs: setup  ## Build the documentation's site into .cache/site; a broken link fails it.
	@NO_MKDOCS_2_WARNING=1 $(py) -m mkdocs build --quiet --strict

lock: setup  ## Lock the requirements anew, with hashes (UPGRADE=1: to newer versions).
	@$(lock_one) -o requirements/run.txt pyproject.toml
	@$(lock_one) -c requirements/run.txt -o requirements/aws.txt --extra aws pyproject.toml
	@$(lock_one) -c requirements/run.txt -o requirements/build.txt requirements/build.in
	@$(lock_one) -c requirements/aws.txt -c requirements/build.txt -o requirements/dev.txt \
		--extra aws pyproject.toml requirements/build.in requirements/dev.in
	@$(lock_one) -c requirements/dev.txt -o requirements/fuzz.txt requirements/fuzz.in
	@$(lock_one) -c requirements/dev.txt -o requirements/charts.txt requirements/charts.in
	@$(lock_one) -c requirements/dev.txt -o requirements/httpx2.txt requirements/httpx2.in
	@$(lock_one) -c requirements/dev.txt -o requirements/audit.txt requirements/audit.in

# What the wheel's files are dated: one commit has one wheel. Without git, a day that never changes.
dated = SOURCE_DATE_EPOCH=$(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),1767225600)

wheel: setup  ## Build dist/cohortd-* (wheel, sdist), twice alike, and try the wheel on its own.
	@rm -rf dist
	@$(dated) $(py) -m hatchling build -t wheel -t sdist
	@$(dated) $(py) -m hatchling build -t wheel -t sdist -d dist/again > /dev/null
	@for file in dist/again/*; do cmp "$$file" "dist/$${file##*/}" || exit 1; done; rm -r dist/again
	@$(py) scripts/check_wheel.py dist

sbom: setup  ## Write dist/cohortd.cdx.json: what is installed to run it, held to the lock.
	@$(py) scripts/sbom.py dist/cohortd.cdx.json

# Who builds, and where the commit can be had: a release's workflow says so of itself.
HOME_PAGE := https://github.com/cohortd/cohortd
BUILDER ?= $(HOME_PAGE)/blob/main/docs/releases.md\#built-by-hand
SOURCE ?= git+$(HOME_PAGE)

provenance: setup  ## Write dist/cohortd-*.provenance.json: what these were made from (BUILDER=URI).
	@$(py) scripts/provenance.py dist --builder '$(BUILDER)' --source '$(SOURCE)'

release: wheel  ## Build what a release has: wheel, sdist, bill of materials, provenance.
	@$(MAKE) --no-print-directory sbom
	@$(MAKE) --no-print-directory provenance

clean:  ## Remove what was made here, .venv included.
	rm -rf $(VENV) dist build .cache/site .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
