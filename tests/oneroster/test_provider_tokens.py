"""Who reads our roster: secrets, tokens, scopes, limits, and ending all of that."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.oneroster.models import OneRosterClient
from apps.oneroster.services import client_revoke, client_secret_renew
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.oneroster.reader import GRADES, ROSTER, SCOPE, TOKEN, Reader

pytestmark = pytest.mark.django_db


def test_a_token_by_basic_or_by_the_form(cast: Cast) -> None:
    reader = Reader(cast)
    answer = reader.ask_token(scope=f"{SCOPE}roster-core.readonly {SCOPE}unknown")
    assert answer.status_code == 200
    assert answer["Cache-Control"].startswith("max-age=0") or "no-store" in answer["Cache-Control"]
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["scope"] == f"{SCOPE}roster-core.readonly"
    form = {"client_id": str(reader.row.pk), "client_secret": reader.secret}
    answer = reader.ask_token("", **form)
    scopes = ("roster-core.readonly", "roster.readonly", "gradebook.readonly")
    assert answer.json()["scope"] == " ".join(f"{SCOPE}{one}" for one in scopes)


def test_what_is_wrong_with_a_request_for_a_token(cast: Cast) -> None:
    reader = Reader(cast)

    def error(answer: object, status: int) -> str:
        assert answer.status_code == status, answer.content  # type: ignore[attr-defined]
        return str(answer.json()["error"])  # type: ignore[attr-defined]

    wrong = "oneroster_" + "0" * 12 + "_" + "x" * 43
    assert error(reader.ask_token(reader.basic(wrong)), 401) == "invalid_client"
    assert error(reader.ask_token(reader.basic("x")), 401) == "invalid_client"
    assert error(reader.ask_token("Basic !"), 401) == "invalid_client"
    assert error(reader.ask_token("Basic " + "/w=="), 401) == "invalid_client"
    assert error(reader.ask_token(""), 401) == "invalid_client"
    unknown = {"client_id": str(uuid4()), "client_secret": reader.secret}
    assert error(reader.ask_token("", **unknown), 401) == "invalid_client"
    assert error(reader.ask_token(grant_type="password"), 400) == "unsupported_grant_type"
    assert error(reader.ask_token(scope="all"), 400) == "invalid_scope"
    assert error(reader.client.get(TOKEN), 405) == "invalid_request"
    with campus_scope(cast.campus):
        actions = list(Entry.objects.values_list("action", flat=True))
    # Of a known id with another secret, and of no id that nobody has.
    assert actions.count("oneroster.token.refused") == 2


def test_a_secret_is_another_campuss_nowhere(cast: Cast, other_cast: Cast) -> None:
    reader = Reader(cast)
    reader.client = Client(headers={"host": other_cast.host})
    assert reader.ask_token().status_code == 401


def test_tokens_end_with_the_hour_the_secret_and_the_reader(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(cast).signed_in()
    assert reader.get("users").status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr("apps.oneroster.services.clients.LIFETIME", timedelta(seconds=-1))
        assert reader.signed_in().refused("users", 401) == "unauthorisedrequest"
    reader.signed_in()
    with campus_scope(cast.campus):
        reader.secret = client_secret_renew(client=reader.row, now=timezone.now(), actor=SYSTEM)
    assert reader.refused("users", 401) == "unauthorisedrequest"
    assert reader.signed_in().get("users").status_code == 200
    with campus_scope(cast.campus):
        client_revoke(client=reader.row, now=timezone.now(), actor=SYSTEM)
    assert reader.refused("users", 401) == "unauthorisedrequest"
    assert reader.ask_token().status_code == 401
    with campus_scope(cast.campus):
        actions = set(Entry.objects.values_list("action", flat=True))
    assert {
        *("oneroster.client.secret_made", "oneroster.client.revoked", "oneroster.token.given")
    } <= actions


@pytest.mark.parametrize("token", ["", "x", "a.b:c", "é", "x" * 5000])
def test_what_is_no_token_opens_nothing(cast: Cast, token: str) -> None:
    reader = Reader(cast)
    reader.token = token
    answer = reader.get("users")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


def test_scopes_say_what_is_read(cast: Cast) -> None:
    core = Reader(cast).signed_in("roster-core.readonly")
    assert core.get("users").status_code == 200
    course = f"class-{cast.course.pk}"
    for path in ("students", f"classes/{course}/students", f"{GRADES}/results"):
        assert core.refused(path, 403) == "forbidden"
    whole = Reader(cast).signed_in("roster.readonly")
    assert whole.get("students").status_code == 200
    assert whole.get("users").status_code == 200
    assert whole.refused(f"{GRADES}/lineItems", 403) == "forbidden"
    grades = Reader(cast).signed_in("gradebook.readonly")
    assert grades.get(f"{GRADES}/lineItems").status_code == 200
    assert grades.refused("users", 403) == "forbidden"


def test_what_the_campus_no_longer_gives_ends_at_once(cast: Cast) -> None:
    reader = Reader(cast).signed_in()
    assert reader.get(f"{GRADES}/results").status_code == 200
    with campus_scope(cast.campus):
        OneRosterClient.objects.update(gives_attendance=False, roster="core", gives_email=False)
    assert reader.refused(f"{GRADES}/results", 403) == "forbidden"
    assert reader.refused("students", 403) == "forbidden"
    assert all("email" not in row for row in reader.rows("users"))


def test_addresses_that_are_not_given_cannot_be_found_out_by_a_filter(cast: Cast) -> None:
    reader = Reader(cast, gives_email=False).signed_in()
    assert reader.refused("users", 400, filter="email~'stud'") == "invalid_filter_field"
    assert reader.refused("users", 400, sort="email") == "invaliddata"
    assert reader.refused("users", 400, fields="email") == "invalid_selection_field"


def test_too_many_requests_of_a_reader_wait(cast: Cast, settings: object) -> None:
    reader = Reader(cast).signed_in()
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]  # type: ignore[attr-defined]
    usual = rates["oneroster_client"]
    rates["oneroster_client"] = "2/min"
    try:
        assert [reader.get("orgs").status_code for _n in range(2)] == [200, 200]
        assert reader.refused("orgs", 429) == "server_busy"
        assert reader.get("orgs")["Retry-After"] == "60"
    finally:
        rates["oneroster_client"] = usual


def test_an_administrator_makes_a_reader_and_sees_its_secret_once(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    answer = client.post(
        url(OneRosterClient, "add"),
        {"name": "Library", "purpose": "Loans", "roster": "all", "gives_email": "on"},
    )
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    page = answer.content.decode()
    with campus_scope(cast.campus):
        row = OneRosterClient.objects.get()
    assert str(row.pk) in page
    assert f"oneroster_{row.lookup}_" in page
    assert f"{ROSTER}" in page
    again = client.get(url(OneRosterClient, "change", row.pk)).content.decode()
    assert row.lookup not in again
    chosen = {"_selected_action": [str(row.pk)]}
    pages = url(OneRosterClient, "changelist")
    answer = client.post(pages, {**chosen, "action": "make_secret"})
    assert f"oneroster_{row.lookup}_" not in answer.content.decode()
    client.post(pages, {**chosen, "action": "revoke"})
    with campus_scope(cast.campus):
        row.refresh_from_db()
    assert row.revoked_at is not None
