"""Errors that no view answers have the shape of their part of the site."""

import pytest
from django.core.exceptions import SuspiciousOperation
from django.test import Client, RequestFactory
from django.urls import get_resolver

from tests.factories import Cast

PAGES = "/nowhere/"
API = "/api/v1/nowhere"


@pytest.mark.django_db
def test_an_unknown_address_of_the_api_is_json(cast: Cast) -> None:
    answer = Client(headers={"host": cast.host}).get(API)
    assert answer.status_code == 404
    (error,) = answer.json()["errors"]
    assert (answer.json()["type"], error["code"], error["attr"]) == (
        "client_error",
        "not_found",
        None,
    )


@pytest.mark.django_db
def test_an_unknown_page_is_a_page(cast: Cast) -> None:
    answer = Client(headers={"host": cast.host}).get(PAGES)
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(("status", "kind"), [(400, "client_error"), (500, "server_error")])
def test_what_breaks_under_the_api_is_json_without_its_cause(status: int, kind: str) -> None:
    handler = get_resolver().resolve_error_handler(status)
    cause = [SuspiciousOperation("secret cause")] if status == 400 else []
    answer = handler(RequestFactory().get(API), *cause)
    assert answer.status_code == status
    assert f'"{kind}"' in answer.content.decode()
    assert "secret" not in answer.content.decode()


@pytest.mark.parametrize("status", [400, 500])
def test_what_breaks_on_a_page_is_a_page(status: int) -> None:
    handler = get_resolver().resolve_error_handler(status)
    cause = [SuspiciousOperation("secret cause")] if status == 400 else []
    answer = handler(RequestFactory().get(PAGES), *cause)
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("text/html")
    assert "secret" not in answer.content.decode()
