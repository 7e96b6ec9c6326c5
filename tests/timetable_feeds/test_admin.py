"""From entering a feed to saving what it changes; addresses, the night and the command."""

from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts.models import Membership
from apps.audit.models import Entry
from apps.enrollments.models import Term
from apps.jobs.models import Job
from apps.jobs.services import SILENT
from apps.jobs.tasks import execute_job
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.timetable_feeds.models import FeedCode, FeedMeeting, FeedRun, TimetableFeed
from apps.timetable_feeds.selectors import header_value
from apps.timetable_feeds.services import header_give, runs_purge
from apps.timetable_feeds.services import jobs as reading_jobs
from apps.timetable_feeds.tasks import purge_runs, read_feeds
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast
from tests.imports.test_runs import work
from tests.timetable_feeds.service import FeedServer
from tests.timetable_feeds.support import Event, Lesson, fet, ical

pytestmark = pytest.mark.django_db
ADD = url(TimetableFeed, "add")
LIST = url(TimetableFeed, "changelist")
RUNS = url(FeedRun, "changelist")
SECRET = "Bearer s3cr3t-of-the-planner"


@pytest.fixture
def term(cast: Cast) -> Term:
    """It runs now."""
    today = timezone.now().date()
    with campus_scope(cast.campus):
        found = Term.objects.get()
        found.starts_on, found.ends_on = today - timedelta(days=3), today + timedelta(days=40)
        found.save()
    return found


def form(term: Term, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Planner",
        "format": "fet",
        "is_active": "on",
        "term": term.pk,
        "share": 40,
        "first_weekday": 1,
        "their_term": 1,
        "codes-TOTAL_FORMS": 0,
        "codes-INITIAL_FORMS": 0,
        **changes,
    }


def entered(cast: Cast, term: Term, server: FeedServer, **fields: Any) -> TimetableFeed:
    with campus_scope(cast.campus):
        feed = TimetableFeed(
            **{"name": "Calendar", "format": "ical", "url": f"{server.url}/t.ics", "term": term}
            | fields
        )
        if feed.header:
            header_give(feed, SECRET)
        feed.save()
    return feed


def event(days: int = 5, uid: str = "a", **fields: Any) -> Event:
    on = datetime.now() + timedelta(days=days)  # noqa: DTZ005  (a day well ahead)
    return Event(uid, f"{on:%Y%m%d}T100000", **fields)


def chosen(action: str, *rows: Any) -> dict[str, Any]:
    return {"action": action, "_selected_action": [str(row.pk) for row in rows]}


def latest(cast: Cast) -> FeedRun:
    with campus_scope(cast.campus):
        return FeedRun.objects.order_by("-created_at", "-id")[0]


def number(cast: Cast) -> int:
    with campus_scope(cast.campus):
        return ClassSession.objects.count()


def test_a_file_is_looked_at_then_saved(cast: Cast, term: Term) -> None:
    office = client_of(cast, cast.admin)
    file = SimpleUploadedFile("week.fet", fet(Lesson(), Lesson("2", room="999")))
    codes = {
        "codes-TOTAL_FORMS": 1,
        "codes-0-kind": "room",
        "codes-0-theirs": "Hall",
        "codes-0-ours": "Main 101",
    }
    sent = office.post(ADD, form(term, file=file, **codes))
    run = latest(cast)
    assert sent["Location"] == url(FeedRun, "change", run.pk)
    work(cast)
    run = latest(cast)
    assert (run.status, run.filename) == ("checked", "week.fet")
    assert number(cast) == 0
    page = office.get(url(FeedRun, "change", run.pk)).content.decode()
    assert "there is no such room" in page
    assert "CS201-A: new" in page
    assert "waits for a person" in page
    office.post(RUNS, chosen("save_it", run))
    work(cast)
    assert latest(cast).status == "saved"
    assert number(cast) >= 5
    twice = office.post(RUNS, chosen("save_it", run), follow=True)
    assert "does not wait any more" in twice.content.decode()
    with campus_scope(cast.campus):
        assert TimetableFeed.objects.get().accepted_at is not None
        assert FeedCode.objects.get().ours == "Main 101"
        told = set(Entry.objects.values_list("action", flat=True))
    assert {"timetable.feed.read", "timetable.feed.confirmed", "timetable.feed.saved"} <= told


def test_what_cannot_be_entered(cast: Cast, term: Term) -> None:
    office = client_of(cast, cast.admin)
    code = {"codes-TOTAL_FORMS": 1, "codes-0-theirs": "1"}
    for changes, words in (
        ({"url": "http://planner.example/"}, "Nothing can be asked for at this address"),
        ({"is_nightly": "on"}, "Only a feed with an address is read every night"),
        ({"header": "no header"}, "no header that can be sent"),
        ({"header": "Host", "value": "x"}, "no header that can be sent"),
        ({"header": "X-Key"}, "Enter the value"),
        ({"header": "X-Key", "value": "a\x7fb"}, "ASCII characters"),
        ({"header": "X-Key", "value": "schlüssel"}, "ASCII characters"),
        ({"covers_from": "2026-10-02", "covers_until": "2026-10-01"}, "lies before the first"),
        ({"share": 0}, "greater than or equal to 1"),
        (code | {"codes-0-kind": "day", "codes-0-ours": "Someday"}, "Not a day of the week"),
        (code | {"codes-0-kind": "period", "codes-0-ours": "8:00"}, "Not from when until when"),
        (code | {"codes-0-kind": "period", "codes-0-ours": "9:00-8:00"}, "Not from when until"),
    ):
        page = office.post(ADD, form(term, **changes)).content.decode()
        assert words in page, changes
    assert office.post(ADD, form(term)).status_code == 302
    nothing = office.post(LIST, chosen("compare", _only(cast)), follow=True).content.decode()
    assert "has no address. Upload a file" in nothing


def _only(cast: Cast) -> TimetableFeed:
    with campus_scope(cast.campus):
        return TimetableFeed.objects.get()


def test_an_address_with_a_secret_header(cast: Cast, term: Term, server: FeedServer) -> None:
    server.file = ical(event())
    office = client_of(cast, cast.admin)
    fields = {"format": "ical", "url": f"{server.url}/t.ics", "header": "Authorization"}
    assert office.post(ADD, form(term, **fields, value=SECRET)).status_code == 302
    feed = _only(cast)
    page = office.get(url(TimetableFeed, "change", feed.pk))
    assert SECRET not in page.content.decode()
    office.post(LIST, chosen("compare", feed))
    again = office.post(LIST, chosen("compare", feed), follow=True).content.decode()
    assert "Wait until that ends" in again
    work(cast)
    assert (latest(cast).status, latest(cast).problem) == ("checked", "")
    path, headers = server.asked[0]
    assert (path, headers["Authorization"]) == ("/t.ics", SECRET)
    moved = {**fields_of(page), "url": f"{server.url}/other.ics"}
    moved.pop("file", None)
    refused = office.post(url(TimetableFeed, "change", feed.pk), moved).content.decode()
    assert "Enter the value: the address is a new one" in refused
    with campus_scope(cast.campus):
        feed = TimetableFeed.objects.get()
        assert header_value(feed) == SECRET
        assert not Entry.objects.filter(data__icontains=SECRET[:12]).exists()
        feed.sealed_header = b"damaged"
        feed.save()
    office.post(LIST, chosen("compare", feed))
    work(cast)
    assert "Enter it anew" in latest(cast).problem


def test_addresses_that_do_not_answer_as_they_should(
    cast: Cast, term: Term, server: FeedServer
) -> None:
    server.file = ical(event())
    feed = entered(cast, term, server, header="X-Key")
    office = client_of(cast, cast.admin)

    def compared() -> FeedRun:
        server.asked.clear()
        office.post(LIST, chosen("compare", feed))
        work(cast)
        return latest(cast)

    server.failures = [(503, b"", {}), (429, b"", {})]
    assert compared().status == "checked"
    server.failures = [(503, b"", {})] * 3
    assert compared().problem == "The address answered 503."
    assert len(server.asked) == 3
    server.failures = [(302, b"", {"Location": "http://169.254.169.254/"})]
    assert compared().problem == "The address answered 302."
    assert len(server.asked) == 1
    server.failures = [(401, SECRET.encode(), {})]
    assert compared().problem == "The address answered 401."
    server.failures = [(200, b"<html>Sign in</html>", {})]
    assert compared().problem.startswith("This is no iCalendar file")
    with campus_scope(cast.campus):
        TimetableFeed.objects.update(url="http://169.254.169.254/latest")
    assert "not asked without TLS" in compared().problem
    with campus_scope(cast.campus):
        TimetableFeed.objects.update(url="https://127.0.0.1:1/")
    assert compared().status == "failed"
    assert number(cast) == 0


def test_an_answer_that_is_far_too_large(
    cast: Cast, term: Term, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(cast, term, server)
    server.file = b"x" * (21 << 20)
    client_of(cast, cast.admin).post(LIST, chosen("compare", _only(cast)))
    work(cast)
    assert "too large" in latest(cast).problem or "NoAnswer" in latest(cast).problem


def test_the_night_saves_what_a_person_has_accepted_once(
    cast: Cast, other_cast: Cast, term: Term, server: FeedServer
) -> None:
    server.file = ical(event(), event(6, "b"), event(7, "c"))
    feed = entered(cast, term, server, is_nightly=True)
    assert read_feeds() == 1
    work(cast)
    assert (latest(cast).status, number(cast)) == ("waiting", 0)
    office = client_of(cast, cast.admin)
    start = office.get("/admin/").content.decode()
    assert "Calendar waits for you" in start
    assert "waits for you" not in client_of(cast, cast.operator).get("/admin/").content.decode()
    office.post(RUNS, chosen("save_it", latest(cast)))
    work(cast)
    assert number(cast) == 3
    server.file = ical(event(), event(6, "b", location=""), event(7, "c"), event(8, "d"))
    assert read_feeds() == 1
    work(cast)
    assert (latest(cast).status, number(cast)) == ("saved", 4)
    server.file = ical(event())
    read_feeds()
    work(cast)
    waiting = latest(cast)
    assert (waiting.status, waiting.missing) == ("waiting", 3)
    office.post(RUNS, chosen("refuse", waiting))
    assert latest(cast).status == "refused"
    assert "waits for you" not in office.get("/admin/").content.decode()
    with campus_scope(cast.campus):
        assert ClassSession.objects.filter(status="scheduled").count() == 4
        TimetableFeed.objects.filter(pk=feed.pk).update(is_active=False)
    assert read_feeds() == 0


def test_nobody_but_administrators_acts(cast: Cast, term: Term, server: FeedServer) -> None:
    feed = entered(cast, term, server)
    server.file = ical(event())
    client_of(cast, cast.admin).post(LIST, chosen("compare", feed))
    work(cast)
    checked = latest(cast)
    server.asked.clear()
    for account in (cast.operator, cast.principal, cast.lecturer.user):
        assert account is not None
        client = client_of(cast, account)
        client.post(LIST, chosen("compare", feed))
        client.post(RUNS, chosen("save_it", checked))
        client.post(RUNS, chosen("refuse", checked))
        page = url(TimetableFeed, "change", feed.pk)
        assert client.post(page, form(term, name="Mine")).status_code in (302, 403)
    assert latest(cast).status == "checked"
    assert server.asked == []
    assert _only(cast).name == "Calendar"


def test_whoever_started_it_must_still_be_there(cast: Cast, term: Term, server: FeedServer) -> None:
    feed = entered(cast, term, server)
    server.file = ical(event())
    office = client_of(cast, cast.admin)
    office.post(LIST, chosen("compare", feed))
    work(cast)
    server.asked.clear()
    for page, action, row in ((RUNS, "save_it", latest(cast)), (LIST, "compare", feed)):
        office.post(page, chosen(action, row))
        with campus_scope(cast.campus):
            Job.objects.update(created_by=None)
        work(cast)
        assert (latest(cast).status, latest(cast).problem) == (
            "failed",
            "The account that started this is gone.",
        )
    assert (server.asked, number(cast)) == ([], 0)


def test_whoever_started_it_must_still_be_an_administrator(
    cast: Cast, term: Term, server: FeedServer
) -> None:
    """The role was taken while the reading, or what they confirmed of it, waited for a worker."""
    feed = entered(cast, term, server)
    server.file = ical(event())
    office = client_of(cast, cast.admin)
    office.post(LIST, chosen("compare", feed))
    work(cast)
    server.asked.clear()
    for page, action, row in ((RUNS, "save_it", latest(cast)), (LIST, "compare", feed)):
        assert client_of(cast, cast.admin).post(page, chosen(action, row)).status_code == 302
        for closed in (True, False):
            with campus_scope(cast.campus):
                Membership.objects.filter(user=cast.admin).update(is_active=not closed)
            if closed:
                work(cast)
        assert latest(cast).status == "failed"
        assert "may not change timetables any more" in latest(cast).problem
    assert (server.asked, number(cast)) == ([], 0)


def test_a_killed_reading_leaves_nothing_and_the_next_one_works(
    cast: Cast, term: Term, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.file = ical(event())
    feed = entered(cast, term, server, accepted_at=timezone.now(), is_nightly=True)
    read_feeds()
    with campus_scope(cast.campus):
        job = Job.objects.get()

    def killed(*_args: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(reading_jobs, "_saved", killed)
        with pytest.raises(SystemExit):
            execute_job(cast.campus.pk, job.pk)
    with campus_scope(cast.campus):
        assert not FeedMeeting.objects.filter(feed=feed).exists()
        Job.objects.update(status="running", heartbeat_at=timezone.now() - 2 * SILENT)
    assert number(cast) == 0
    execute_job(cast.campus.pk, job.pk)
    assert (latest(cast).status, number(cast)) == ("saved", 1)


def test_a_mistake_of_ours_fails_the_run_as_well(
    cast: Cast, term: Term, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.file = ical(event())
    feed = entered(cast, term, server)
    client_of(cast, cast.admin).post(LIST, chosen("compare", feed))
    monkeypatch.setattr(reading_jobs, "FeedComparison", None)
    work(cast)
    assert latest(cast).status == "failed"
    assert "nothing was changed" in latest(cast).problem


def test_a_reading_whose_job_was_cancelled_is_ended_by_the_next(
    cast: Cast, term: Term, server: FeedServer
) -> None:
    feed = entered(cast, term, server)
    office = client_of(cast, cast.admin)
    office.post(LIST, chosen("compare", feed))
    first = latest(cast)
    with campus_scope(cast.campus):
        Job.objects.update(status=Job.Status.CANCELLED)
    office.post(LIST, chosen("compare", feed))
    with campus_scope(cast.campus):
        first.refresh_from_db()
        assert (first.status, first.problem) == ("failed", "Ended before it was done.")


def command(cast: Cast, *options: str) -> str:
    said = StringIO()
    call_command(
        "read_timetable_feed", "Calendar", "--campus", cast.campus.slug, *options, stdout=said
    )
    return said.getvalue()


def test_the_command(cast: Cast, term: Term, server: FeedServer, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no feed of that name"):
        command(cast)
    entered(cast, term, server)
    server.file = ical(event(), event(6, "b", summary="CS999"))
    said = command(cast)
    assert "2 rows: 1 new, 0 as before, 1 wrong rows." in said
    assert "CS201-A: new" in said
    assert "“CS999”: no course of term" in said
    assert "A dry run" in said
    with pytest.raises(CommandError, match="the first reading"):
        command(cast, "--commit")
    with campus_scope(cast.campus):
        TimetableFeed.objects.update(accepted_at=timezone.now())
    assert "Saved." in command(cast, "--commit")
    file = tmp_path / "next.ics"
    file.write_bytes(ical(event(), event(8, "c")))
    assert "1 new, 1 as before" in command(cast, "--commit", "--file", str(file))
    with pytest.raises(CommandError, match="No such file"):
        command(cast, "--file", str(tmp_path / "none"))
    server.failures = [(404, b"", {})]
    with pytest.raises(CommandError, match="answered 404"):
        command(cast)
    with pytest.raises(CommandError):
        call_command("read_timetable_feed", "Calendar", "--campus", "nowhere")


def test_reports_are_forgotten_after_a_while(cast: Cast, term: Term, server: FeedServer) -> None:
    feed = entered(cast, term, server)
    with campus_scope(cast.campus):
        run = FeedRun.objects.create(feed=feed, created_at=timezone.now())
        assert runs_purge(now=run.created_at + timedelta(days=89)) == 0
        assert runs_purge(now=run.created_at + timedelta(days=91)) == 1
    assert purge_runs() == 0


def test_days_that_are_covered_keep_to_the_term(cast: Cast, term: Term) -> None:
    feed = TimetableFeed(term=term, covers_from=date(2000, 1, 1), covers_until=date(2100, 1, 1))
    assert (feed.first_day, feed.last_day) == (term.starts_on, term.ends_on)
