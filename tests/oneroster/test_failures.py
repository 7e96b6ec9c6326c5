"""Services that are slow, away, or answer what is not so: one failed reading, nothing changed."""

from typing import Any

import pytest

from apps.accounts.models import Student
from apps.oneroster.models import OneRosterConnection, OneRosterRow
from apps.oneroster.services import asking
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.oneroster.service import PATH, SECRET, Answer, OneRosterService
from tests.oneroster.support import connect, numbers, read

pytestmark = pytest.mark.django_db
HTML = b"<!DOCTYPE html><title>Sign in</title>"


def failed(cast: Cast, sis: OneRosterService, **fields: Any) -> str:
    """Its words. What was there before is there still."""
    connect(cast, sis, **fields)
    run = read(cast)
    assert run.status == "failed"
    assert SECRET not in run.problem
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="S900").exists()
        assert not OneRosterRow.objects.exists()
        assert OneRosterConnection.objects.get().since == {}
    return run.problem


def test_busy_services_are_asked_again(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    sis.failures = [
        (503, b"", {}),
        (429, b"", {"Retry-After": "0"}),
        (500, HTML, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    ]
    assert read(cast).status == "saved"


def test_a_service_that_stays_away_is_one_failed_reading(cast: Cast, sis: OneRosterService) -> None:
    sis.failures = [(503, b"down for\x00 the night", {})] * 4
    assert failed(cast, sis) == "orgs: the service answered 503 down for the night"
    assert len(sis.asked) == 4
    assert read(cast).status == "saved"


def test_what_it_asks_to_wait_is_kept_within_bounds(
    cast: Cast, sis: OneRosterService, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(cast, sis)
    waited: list[float] = []
    monkeypatch.setattr(asking.time, "sleep", waited.append)
    sis.failures = [(429, b"", {"Retry-After": said}) for said in ("7", "99999999999", "-3")]
    assert read(cast).status == "saved"
    assert [5.6 <= waited[0] <= 8.4, 48 <= waited[1] <= 72, waited[2]] == [True, True, 0]


def test_a_token_that_ends_is_replaced(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    sis.wrong = lambda name, query: sis.tokens.clear() if name == "users" else None
    assert read(cast).status == "saved"
    assert sis.counts["token"] > 1


def test_a_wrong_secret_is_said_and_not_repeated(cast: Cast, sis: OneRosterService) -> None:
    connection = connect(cast, sis, client_id="somebody else")
    run = read(cast)
    assert run.problem == "access token: the service answered 401 invalid_client"
    sis.refusal = f"no {SECRET}"
    assert read(cast).problem == "access token: the service answered 401"
    with campus_scope(cast.campus):
        OneRosterConnection.objects.filter(pk=connection.pk).update(sealed_secret=b"damaged")
    assert "Enter it anew" in read(cast).problem


def lies(name: str) -> dict[str, Any]:
    """Fields of a user or an enrolment that are not what they should be."""
    fields: dict[str, dict[str, Any]] = {
        "no id": {"sourcedId": None},
        "a number as id": {"sourcedId": 7},
        "names as a list": {"givenName": ["Sofja"]},
        "a NUL": {"familyName": "K\x00"},
        "roles as a text": {"roles": "student"},
        "a role as a number": {"roles": [{"role": 7, "org": {"sourcedId": "o1"}}]},
        "no such status": {"status": "sleeping"},
        "no moment": {"dateLastModified": "yesterday"},
        "a moment beyond all": {"dateLastModified": "0001-01-01T00:00:00+14:00"},
        "too long": {"email": "x" * 3000},
        "a reference as a text": {"user": "s1"},
    }
    return fields[name]


@pytest.mark.parametrize(
    ("collection", "lie"),
    [
        *(("users", lie) for lie in (
            *("no id", "a number as id", "names as a list", "a NUL", "roles as a text"),
            *("a role as a number", "no such status", "no moment", "too long"),
            "a moment beyond all",
        )),
        ("enrollments", "a reference as a text"),
    ],
)  # fmt: skip
def test_fields_of_wrong_types(
    cast: Cast, sis: OneRosterService, collection: str, lie: str
) -> None:
    row = {**sis.lists[collection][2], **lies(lie)}
    sis.wrong = lambda name, query: (200, {name: [row]}, {}) if name == collection else None
    assert failed(cast, sis).startswith(f"{collection}: ")


def page(content: Any, **headers: str) -> Any:
    def answer(name: str, query: dict[str, str]) -> Answer | None:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return (200, content, sent) if name == "users" else None

    return answer


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HTML, "no list of OneRoster, but: <!DOCTYPE html>"),
        ([], "no list"),
        ({"users": {"sourcedId": "s1"}}, "no list"),
        ({"users": ["s1"]}, "no sourcedId"),
        (b"[" * 100_000, "no list"),
        (b'{"users": [', "no list"),
    ],
)
def test_answers_that_are_no_list(
    cast: Cast, sis: OneRosterService, content: Any, words: str
) -> None:
    sis.wrong = page(content)
    assert words in failed(cast, sis)


def test_pages_that_lie(cast: Cast, sis: OneRosterService) -> None:
    """A page twice, a list that changes under the reader, one without end, one that is short."""
    same = {"users": sis.lists["users"][:3]}
    sis.wrong = page(same)
    assert "came twice" in failed(cast, sis)
    for headers, words in (
        ({"X_Total_Count": "3", "Link": f'<{sis.url}{PATH}/users?offset=9>; rel="next"'}, "twice"),
        ({"X_Total_Count": "9", "Link": "<x>; rel=last"}, "twice"),
        ({"Link": '<https://elsewhere.example/users>; rel="next"'}, "another address"),
        ({"Link": '<file:///etc/passwd>; rel="next"'}, "another address"),
    ):
        sis.wrong = page(same, **headers)
        assert words in read(cast).problem
    counted = iter(range(10_000))
    sis.wrong = lambda name, query: (
        (200, {name: sis.lists[name][:1]}, {"X-Total-Count": str(9 + next(counted))})
        if name == "users" and query["offset"] == "0"
        else (200, {name: sis.lists[name][1:2]}, {"X-Total-Count": "8"})
        if name == "users"
        else None
    )
    assert "changed while it was read" in read(cast).problem
    sis.wrong = lambda name, query: (
        (200, {name: []}, {"X-Total-Count": "7"}) if name == "users" else None
    )
    assert "0 rows came, 7 were announced" in read(cast).problem


def test_a_list_without_end(
    cast: Cast, sis: OneRosterService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_ROWS", 5)
    sis.links = sis.totals = False
    assert "has no end" in failed(cast, sis)
    monkeypatch.setattr(asking, "MOST_ROWS", 500)
    monkeypatch.setattr(asking, "MOST_PAGES", 2)
    assert "has no end" in read(cast).problem


def test_a_service_that_is_too_slow(
    cast: Cast, sis: OneRosterService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "READ_SECONDS", 0.0)
    assert "too slow" in failed(cast, sis)


@pytest.mark.parametrize(("links", "totals"), [(False, False), (True, False), (False, True)])
def test_pages_are_followed_by_links_by_counts_and_by_offsets(
    cast: Cast, sis: OneRosterService, links: bool, totals: bool
) -> None:
    connect(cast, sis)
    sis.links, sis.totals = links, totals
    run = read(cast)
    assert run.status == "saved"
    assert sum("/users?" in path for path in sis.asked) == (3 if links or totals else 4)


def test_an_address_inside_is_not_asked(cast: Cast, sis: OneRosterService, settings: Any) -> None:
    settings.OUTGOING_PRIVATE_ADDRESSES = []
    assert "not asked without TLS" in failed(cast, sis)
    assert sis.asked == []


def test_a_school_that_the_service_does_not_show(cast: Cast, sis: OneRosterService) -> None:
    assert "no org" in failed(cast, sis, school="o77")


def test_without_a_school_everything_is_read(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis, school="")
    run = read(cast)
    with campus_scope(cast.campus):
        assert Student.objects.filter(code="X1").exists()
    # The class of the other school names no term and has no teacher.
    assert numbers(run)[3] == 1
