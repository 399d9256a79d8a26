# BookStore. `make` alone says what there is.
SHELL := /bin/bash
PYTHON ?= python3
# The tests wait more than they compute: four processes keep two cores busy. Of the ways to share them out,
# "worksteal" goes by position: the tests that schemathesis makes have one id in common, and all of them must run.
PROCESSES ?= 4
VENV := .venv
BIN := $(VENV)/bin
AWS_VENV := .venv-aws
PYTEST = $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist worksteal --durations 15 --durations-min 5
# What people, programs and neighbors meet is the same in one process and in three, on a file and on a server.
# In the first setting everything is tested, in the others what can differ there; how a page looks, and whether it is
# accessible, does not depend on where its rows are. Backups and moves bring databases of their own, of every kind.
SETTINGS := services-sqlite monolith-mariadb services-mysql
ALIKE := tests/service tests/contract tests/journeys $(addprefix --ignore ,tests/journeys/test_accessibility.py \
	tests/service/backups tests/service/moving)
# The tests of one service do not know a topology. On SQLite tests/deploy/test_service_alone.py runs them, each where
# nothing but its service is installed.
ONE_SERVICE := $(addprefix tests/service/,accounts catalog orders orders_pages)
monolith-sqlite := tests $(addprefix --ignore ,tests/compose tests/swarm tests/aws tests/instances $(ONE_SERVICE))
services-mysql := $(ALIKE)
# What is left: three services on files, as people and programs meet them, and MariaDB under one process.
services-sqlite := $(filter-out tests/service,$(ALIKE))
monolith-mariadb := $(filter-out tests/journeys,$(ALIKE))
CATALOGS := $(wildcard src/bookstore/*/translations/*/LC_MESSAGES/messages.po)
COMPILED := $(CATALOGS:.po=.mo)

DOCKERFILES := Dockerfile $(wildcard tests/*/*/Dockerfile)

.DEFAULT_GOAL := help
.PHONY: help run up test lint format setup setup-dev browser mariadb mysql nginx edge promtool sshd docker drill test-compose test-cluster test-aws test-instances setup-aws instances bench bench-pages bench-search lab lab-down cluster test-setup test-monolith-sqlite $(addprefix test-,$(SETTINGS)) translations locks clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-22s %s\n", $$1, $$2}'

run: setup ## Set everything up and serve a stocked shop on http://127.0.0.1:8000
	@$(BIN)/bookstore migrate
	@$(BIN)/bookstore stock
	@exec $(BIN)/bookstore serve

up: setup ## Deploy the shop on this machine by Docker Compose (DOMAIN says its name)
	$(BIN)/bookstore deploy compose --domain $(or $(DOMAIN),$(error say DOMAIN=shop.example))

test: test-monolith-sqlite $(addprefix test-,$(SETTINGS)) test-compose ## Set everything up and run the tests in all settings (FULL=yes: also what takes long)

test-monolith-sqlite: test-setup ## Run every test in one process on SQLite (TESTS chooses some)
	$(PYTEST) $(or $(TESTS),$(monolith-sqlite))

$(addprefix test-,$(SETTINGS)): test-%: test-setup
	BOOKSTORE_TEST_TOPOLOGY=$(word 1,$(subst -, ,$*)) BOOKSTORE_TEST_DATABASE=$(word 2,$(subst -, ,$*)) $(PYTEST) $(or $(TESTS),$($*))

test-compose: setup-dev docker ## Build the images and run both compose files on a Docker engine (FULL=yes: all of it)
	$(BIN)/python -m pytest --durations 15 --durations-min 5 $(or $(TESTS),tests/compose $(if $(FULL),,--ignore tests/compose/long))

test-cluster: setup-dev cluster sshd ## Run the shop on five nodes and let them fail under load (FULL=yes: all of it)
	$(BIN)/python -m pytest -s --durations 15 --durations-min 5 $(or $(TESTS),tests/swarm $(if $(FULL),,--ignore tests/swarm/long))

test-aws: setup-aws docker ## Synthesize the stacks for AWS, check them, and bring them up on a stand-in for it
	$(AWS_VENV)/bin/python -m pytest -c tests/aws/pytest.ini $(or $(TESTS),tests/aws)

test-instances: setup-dev setup-aws instances ## Boot instances of AWS for real from their user data, on a stand-in for it (as root)
	$(BIN)/python -m pytest -s $(or $(TESTS),tests/instances)

bench: setup-dev mariadb edge ## Measure how much the shop carries as it is deployed (options in BENCH)
	$(BIN)/python -m bench run $(BENCH)

bench-pages: setup-dev ## Measure what each page costs the app alone
	$(BIN)/python -m bench pages

bench-search: setup-dev ## Measure what a search costs at 10,000 and at 1,000,000 books
	$(BIN)/python -m bench search

lab: setup cluster ## Bring up a Docker Swarm of five nodes on this machine, with the shop on it (as root)
	$(BIN)/bookstore lab up

lab-down: setup ## End the lab; nothing of it stays
	$(BIN)/bookstore lab down

test-setup: setup-dev browser mariadb mysql edge promtool sshd

drill: setup-dev mariadb mysql nginx ## Kill any process for 5 minutes while people buy (options in DRILL)
	$(BIN)/python -m tests.cluster.drill $(DRILL)

lint: setup-dev ## Check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint $(DOCKERFILES)

format: setup-dev ## Put the code into the common style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(VENV)/runtime.done translations ## Make the virtual environment that the shop needs

setup-dev: $(VENV)/dev.done translations ## Make the virtual environment that the tests need

translations: $(COMPILED)

%.mo: %.po
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

# An environment with the tools of development is also one that can run the shop.
$(VENV)/runtime.done: requirements/runtime.txt requirements/build.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the shop needs (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/dev.done: requirements/dev.txt $(VENV)/runtime.done
	@scripts/ensure-mysql-headers
	@echo "installing what the tests need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup-aws: $(AWS_VENV)/aws.done ## Make the virtual environment of the stacks for AWS (about 1 GB)

$(AWS_VENV)/aws.done: requirements/aws.txt
	@test -x $(AWS_VENV)/bin/python || $(PYTHON) -m venv $(AWS_VENV)
	@echo "installing what the stacks for AWS need (once)"
	@$(AWS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/aws.txt
	@touch $@

browser:
	@scripts/ensure-chromium

mariadb:
	@scripts/ensure-mariadb

mysql:
	@scripts/get-mysql

nginx:
	@scripts/ensure-nginx

edge:
	@scripts/ensure-edge

docker:
	@scripts/ensure-docker
	@scripts/get-compose

cluster:
	@scripts/ensure-cluster

instances:
	@scripts/ensure-instances

sshd:
	@scripts/ensure-sshd

promtool: setup-dev
	@scripts/ensure-promtool

locks: setup-dev ## Resolve the dependencies anew into requirements/
	scripts/lock

clean: ## Remove what was built; the data folder stays
	rm -rf $(VENV) $(AWS_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis test-results
	find src -name '*.mo' -delete
