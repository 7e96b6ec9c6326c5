# The daily commands, which can be typed as well; `.venv` is used if it exists.
PYTHON ?= python3
PORT ?= 8000
T ?=
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install hooks up demo simulate test coverage format check migrations translations

help:  ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{ printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install:  ## Virtual environment in .venv with everything for development
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -e ".[dev]"

hooks:  ## Checks before each commit and push
	pre-commit install --hook-type pre-commit --hook-type pre-push

up:  ## The platform in one terminal (PORT=8000)
	python manage.py up --port $(PORT)

demo:  ## The same with the demo campus
	python manage.py up --demo --port $(PORT)

simulate:  ## A class checks in at the running demo campus
	python manage.py simulate_class

test:  ## All tests, or some: make test T="tests/jobs -n0 -x"
	python -m pytest $(T)

coverage:  ## All tests, with the branch coverage of services and selectors (at least 95 %)
	python -m pytest --cov --cov-report=term $(T)

format:  ## Rewrite Python files and templates in the project's format
	ruff format .
	ruff check --fix .
	djlint templates --reformat --quiet || true

check:  ## Linters, types, layers and other checks of CI
	.ci/checks

migrations:  ## New migrations for changed models: give them a name, NAME=leave_reason
	DJANGO_SETTINGS_MODULE=campus.settings.test python manage.py makemigrations --name $(NAME)

translations:  ## New texts into the catalogues of all languages, and the catalogues compiled
	DJANGO_SETTINGS_MODULE=campus.settings.test python manage.py makemessages --all --no-location --no-obsolete --verbosity 0
	for file in locale/*/LC_MESSAGES/django.po; do msgfmt --check-format -o $${file%.po}.mo $$file; done
