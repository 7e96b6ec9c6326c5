"""A mutation fuzz of the whole description, as each role: no answer of 500 and above.

The size here fits the suite; `python -m bench.fuzz` runs the full one.
"""

import json
import os
from typing import Any, Final

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from pytest_django.fixtures import Settings

from tests.factories import Cast
from tests.fuzzing import Fuzz

SEED: Final = int(os.environ.get("FUZZ_SEED", "2026"))
BODIES: Final = int(os.environ.get("FUZZ_BODIES", "400"))
READS: Final = int(os.environ.get("FUZZ_READS", "800"))
PAGES: Final = int(os.environ.get("FUZZ_PAGES", "200"))
SIGN_INS: Final = int(os.environ.get("FUZZ_SIGN_INS", "150"))


@pytest.fixture
def fuzz(cast: Cast, settings: Settings) -> Fuzz:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": dict.fromkeys(rates, "1000000/min"),
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return Fuzz(cast, json.loads(OpenApiJsonRenderer().render(document)), seed=SEED)


def found(fuzz: Fuzz) -> str:
    return f"{len(fuzz.problems)} of {fuzz.statuses}\n" + "\n".join(fuzz.problems[:40])


def test_bent_bodies_are_no_server_errors(fuzz: Fuzz) -> None:
    for bent in fuzz.writes(BODIES):
        fuzz.send(bent)
    assert fuzz.problems == [], found(fuzz)
    assert {400, 401, 403, 404} <= set(fuzz.statuses)


def test_bent_reads_are_no_server_errors(fuzz: Fuzz) -> None:
    for bent in fuzz.reads(READS):
        fuzz.send(bent)
    assert fuzz.problems == [], found(fuzz)
    assert {200, 400, 401, 403, 404} <= set(fuzz.statuses)


def test_bent_pages_are_no_server_errors(fuzz: Fuzz) -> None:
    for bent in fuzz.pages(PAGES):
        fuzz.send(bent, browser=True)
    assert fuzz.problems == [], found(fuzz)
    assert {200, 400, 403, 404} <= set(fuzz.statuses)


def test_bent_sign_ins_are_no_server_errors(fuzz: Fuzz) -> None:
    for bent in fuzz.sign_in(SIGN_INS):
        fuzz.send(bent)
    assert fuzz.problems == [], found(fuzz)
    assert {400, 401} <= set(fuzz.statuses)
