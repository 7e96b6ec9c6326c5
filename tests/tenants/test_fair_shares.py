"""One campus's storm on a busy process: whose requests are put off, and how that is said."""

import importlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from apps.common import measures
from apps.tenants import fair_shares
from apps.tenants.fair_shares import REMEMBERED_SECONDS, FairShares, WorkAccount
from tests.factories import Cast

STORMING, QUIET, THIRD = 1, 2, 3
RULE = {"busy": 1.0, "share": 0.5, "held": 1.0}


def worked(account: WorkAccount, campus_id: int, *, since: float, running: int) -> None:
    """As many requests of that campus in work since then, let in whatever else there is."""
    for _number in range(running):
        assert account.begin(campus_id, now=since, busy=0, share=0.5, held=0)


def test_a_campus_alone_is_never_put_off() -> None:
    account = WorkAccount()
    for number in range(50):
        assert account.begin(STORMING, now=number / 10, **RULE)


def test_the_campus_that_has_most_of_a_busy_process_is_put_off_and_no_other() -> None:
    account = WorkAccount()
    worked(account, STORMING, since=0, running=3)
    worked(account, QUIET, since=0, running=1)
    assert not account.begin(STORMING, now=5, **RULE)
    assert account.begin(QUIET, now=5, **RULE)
    assert account.begin(THIRD, now=5, **RULE)


def test_a_process_that_is_not_busy_puts_nobody_off() -> None:
    account = WorkAccount()
    worked(account, STORMING, since=0, running=3)
    worked(account, QUIET, since=0, running=1)
    assert account.begin(STORMING, now=5, busy=4.1, share=0.5, held=1.0)
    assert not account.begin(
        STORMING, now=9, busy=4.1, share=0.5, held=1.0
    )  # that one made it busy


def test_what_is_put_off_keeps_the_process_busy_for_those_who_ask() -> None:
    """Held at less than what counts as busy, a storm is still one."""
    account, rule = WorkAccount(), {"busy": 1.0, "share": 0.5, "held": 0.2}
    worked(account, STORMING, since=0, running=2)
    worked(account, QUIET, since=1.9, running=1)
    for campus_id in (STORMING, STORMING, QUIET):
        account.end(campus_id, now=2)
    let_in = [account.begin(STORMING, now=2 + n / 50, **rule) for n in range(60)]
    assert let_in == [False] * 60
    storming, others = account._reckoned(STORMING, 3.2)
    assert storming.load + others[0].load < 1.0 < storming.wanted


def test_campuses_that_are_equally_busy_put_nobody_off() -> None:
    account = WorkAccount()
    worked(account, STORMING, since=0, running=5)
    worked(account, QUIET, since=0, running=5)
    assert account.begin(QUIET, now=5, **RULE)
    account.end(QUIET, now=5)
    assert account.begin(STORMING, now=5, **RULE)


def test_who_asks_for_little_is_not_put_off_though_the_storm_is_held_below_it() -> None:
    account, let_in, rule = WorkAccount(), 0, {"busy": 0.15, "share": 0.5, "held": 0.15}
    for turn in range(100):  # of a quarter of a second each, of which the quiet one needs 0.05
        for number in range(40):
            now = (turn + number / 62.5) / 4
            if account.begin(STORMING, now=now, **rule):
                account.end(STORMING, now=now + 0.004)
                let_in += turn > 50
        for number in range(4):
            now = (turn + 0.7 + number / 20) / 4
            assert account.begin(QUIET, now=now, **rule)
            account.end(QUIET, now=now + 0.0125)
    assert 200 < let_in < 1000  # of 1,960: it is held, and has its part nevertheless


def test_work_counts_while_it_lasts_and_is_forgotten_in_seconds() -> None:
    account = WorkAccount()
    worked(account, STORMING, since=0, running=4)
    worked(account, QUIET, since=0, running=1)
    assert account.begin(STORMING, now=0.05, **RULE)  # nothing of it has lasted yet
    account.end(STORMING, now=0.05)
    assert not account.begin(STORMING, now=3, **RULE)
    for _number in range(4):
        account.end(STORMING, now=3)
    assert account.begin(STORMING, now=6, **RULE)


def test_what_another_campus_asked_for_long_ago_puts_nobody_off() -> None:
    account = WorkAccount()
    worked(account, STORMING, since=0, running=4)
    worked(account, QUIET, since=0, running=1)
    account.end(QUIET, now=1)
    assert not account.begin(STORMING, now=REMEMBERED_SECONDS - 0.1, **RULE)
    assert account.begin(STORMING, now=REMEMBERED_SECONDS + 0.1, **RULE)


def test_threads_leave_the_account_as_they_found_it() -> None:
    account, threads = WorkAccount(), []

    def ask(campus_id: int) -> None:
        for _number in range(300):
            now = time.monotonic()
            if account.begin(campus_id, now=now, **RULE):
                account.end(campus_id, now=time.monotonic())

    for campus_id in (STORMING, QUIET, THIRD) * 4:
        threads.append(threading.Thread(target=ask, args=(campus_id,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [work.running for work in account._work.values()] == [0, 0, 0]


# --- The middleware -----------------------------------------------------------------------------


Ask = Callable[..., HttpResponse]


@pytest.fixture(autouse=True)
def _is_on(settings: Any) -> None:
    settings.FAIR_BUSY = 0.5


@pytest.fixture
def shares() -> FairShares:
    return FairShares(lambda _request: HttpResponse("answered"))


@pytest.fixture
def storm(shares: FairShares, cast: Cast, other_cast: Cast) -> Ask:
    """Asks while the campus of `cast` has three quarters of a busy process, another the rest."""
    since = time.monotonic() - 10
    worked(shares.account, cast.campus.pk, since=since, running=6)
    worked(shares.account, other_cast.campus.pk, since=since, running=2)

    def ask(path: str = "/api/v1/me", *, host: str = cast.host, **options: Any) -> HttpResponse:
        method = options.pop("method", "GET")
        headers = {"host": host, **options.pop("headers", {})}
        return shares(RequestFactory().generic(method, path, headers=headers, **options))

    return ask


def test_who_is_put_off_is_told_when_to_come_back(storm: Ask, other_cast: Cast) -> None:
    answer = storm()
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) in (1, 2)
    body = json.loads(answer.content)
    assert body["type"] == "server_error"
    assert body["errors"][0]["code"] == "busy"
    assert "Nothing was saved" in body["errors"][0]["detail"]
    assert int(answer["Content-Length"]) == len(answer.content)
    assert storm(host=other_cast.host).content == b"answered"


def test_it_is_told_in_german_as_well(storm: Ask) -> None:
    asked = {"headers": {"accept-language": "de"}}
    detail = json.loads(storm(**asked).content)["errors"][0]["detail"]
    assert "Nichts wurde gespeichert" in detail
    assert "Nichts wurde gespeichert" in storm("/week/", **asked).content.decode()
    assert "Nothing was saved" in storm("/week/").content.decode()


def test_a_page_asks_again_by_itself_and_a_form_does_not(storm: Ask) -> None:
    page = storm("/week/")
    assert page.status_code == 503
    assert page["Content-Type"].startswith("text/html")
    assert page["Refresh"] == page["Retry-After"]
    assert "Refresh" not in storm("/leave/new/", method="POST")
    assert "Refresh" not in storm()


def test_it_has_the_headers_of_every_other_answer(storm: Ask, cast: Cast, client: Client) -> None:
    usual = client.get("/api/v1/me", headers={"host": cast.host}).headers
    for name in ("Content-Security-Policy", "Permissions-Policy", "Cache-Control"):
        assert storm().headers[name] == usual[name]
    for name in ("X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"):
        assert storm().headers[name] == usual[name]


def test_nothing_is_read_for_what_is_put_off(
    storm: Ask, django_assert_num_queries: Callable[[int], Any]
) -> None:
    storm()  # looks its host up
    with django_assert_num_queries(0):
        assert storm().status_code == 503


@pytest.mark.parametrize("path", ["/static/css/campus.css", "/healthz", "/readyz", "/metrics"])
def test_files_and_what_machines_ask_are_never_put_off(storm: Ask, path: str) -> None:
    assert storm(path).content == b"answered"


@pytest.mark.parametrize("host", ["nobody.example", "not allowed", ""])
def test_hosts_of_no_campus_are_left_to_others(storm: Ask, host: str) -> None:
    assert storm(host=host).content == b"answered"


def test_a_code_that_runs_out_is_put_off_last(storm: Ask, settings: Any) -> None:
    hurried = ("/api/v1/check-in/redeem", "/api/v1/check-in", "/C/C.ABC", "/c/C.ABC")
    settings.FAIR_HELD = 5
    assert storm().status_code == 503
    assert {storm(path).status_code for path in hurried} == {200}
    settings.FAIR_HELD = 3
    assert {storm(path).status_code for path in hurried} == {503}


def test_it_is_off_unless_an_operator_switches_it_on(storm: Ask, settings: Any) -> None:
    settings.FAIR_BUSY = importlib.import_module("campus.settings.fairness").FAIR_BUSY
    assert settings.FAIR_BUSY == 0
    assert storm().content == b"answered"


def test_a_database_that_is_away_is_another_answers_business(
    storm: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_facts: Any) -> None:
        raise Error

    monkeypatch.setattr(fair_shares, "campus_by_host", away)
    assert storm().content == b"answered"


def test_a_view_that_fails_is_no_longer_in_work(cast: Cast) -> None:
    def fails(_request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    shares = FairShares(fails)
    with pytest.raises(ZeroDivisionError):
        shares(RequestFactory().get("/week/", headers={"host": cast.host}))
    assert [work.running for work in shares.account._work.values()] == [0]


def test_it_is_counted_and_named_in_the_log_once_a_minute(
    storm: Ask, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    measures._own().take()
    for _number in range(3):
        storm()
    assert measures._own().take()[("campus_requests_shed", "count")] == 3
    lines = [r.getMessage() for r in caplog.records if r.name == fair_shares.__name__]
    assert lines == [f"Campus {cast.campus.pk} asks for more than its share of a busy process."]


def test_a_storm_does_not_fill_the_log(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(WorkAccount, "begin", lambda *_places, **_facts: False)
    for _number in range(3):
        assert client.get("/week/", headers={"host": cast.host}).status_code == 503
    assert len([record for record in caplog.records if record.levelname != "INFO"]) == 1


def test_every_request_of_a_campus_is_accounted(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in the settings, before what costs: an answer of the lean lane counts as well."""
    begun: list[int] = []
    original = WorkAccount.begin

    def noted(self: WorkAccount, campus_id: int, **facts: Any) -> bool:
        begun.append(campus_id)
        return original(self, campus_id, **facts)

    monkeypatch.setattr(WorkAccount, "begin", noted)
    client.get("/api/v1/me", headers={"host": cast.host})
    client.post("/api/v1/check-in/redeem", headers={"host": cast.host})
    assert begun == [cast.campus.pk] * 2
