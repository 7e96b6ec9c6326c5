"""A file changes what the same person could change by hand, and gives nobody another's login."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts import writes
from apps.accounts.models import (
    Faculty,
    Invitation,
    Member,
    Membership,
    Role,
    Student,
    User,
)
from apps.accounts.services import invitations_answer, membership_deactivate
from apps.accounts.writes import Writer
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.errors import Forbidden
from apps.enrollments.models import Section
from apps.import_types.registry import IMPORT_TYPES, import_type_named
from apps.imports.models import ImportRun
from apps.imports.services import import_commit
from apps.jobs.services import job_start
from apps.notifications.models import Delivery, Message
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.accounts.support import code_of
from tests.admin.support import client_of, url
from tests.factories import PASSWORD, Cast, make_cast, make_user
from tests.imports.support import NOW, counts, do_import, reasons, xlsx
from tests.imports.test_oneroster import BUNDLE, zipped
from tests.imports.test_runs import work
from tests.phone import signed_in

pytestmark = pytest.mark.django_db

# What operators may do by hand; everything else is the administrators'.
OPERATORS_KINDS = {"students", "schedules", "enrollments", "cards"}


@pytest.fixture
def operator(cast: Cast) -> Writer:
    return Writer(cast.operator)


def upload(api: APIClient, kind: str, rows: Any) -> Any:
    file = SimpleUploadedFile("people.xlsx", xlsx(rows))
    return api.post("/api/v1/imports", {"kind": kind, "file": file}, "multipart")


# --- The attack ----------------------------------------------------------------------------------


def test_an_operator_does_not_become_a_lecturer_by_a_row_with_the_own_address(
    cast: Cast, operator: Writer
) -> None:
    """Refused by `POST faculty`, and so by the file: by REST, by the page, by the worker."""
    rows = [["id", "name", "email"], ["LECT", "Lecturer", cast.operator.email]]
    assert signed_in(cast, cast.operator).post("/api/v1/faculty", {}).status_code == 403
    answer = upload(signed_in(cast, cast.operator), "faculty", rows)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["code"] == "role_required"
    form = {"kind": "faculty", "file": SimpleUploadedFile("f.xlsx", xlsx(rows))}
    page = client_of(cast, cast.operator).post(url(ImportRun, "add"), form)
    assert "kind" in page.context["adminform"].form.errors
    with pytest.raises(Forbidden):
        do_import(cast, "faculty", rows, writer=operator)
    with campus_scope(cast.campus):
        assert not ImportRun.objects.exists()
        lecturer = Faculty.objects.get(code="LECT")
        assert (lecturer.user, lecturer.email) == (cast.lecturer.user, cast.lecturer.email)
        roles = set(Membership.objects.filter(user=cast.operator).values_list("role", flat=True))
    assert roles == {Role.OPERATOR}


@pytest.mark.parametrize("who", ["operator", "admin", "principal"])
@pytest.mark.parametrize("kind", ["students", "faculty"])
def test_no_file_takes_a_login_away_or_moves_it(cast: Cast, kind: str, who: str) -> None:
    person = cast.student if kind == "students" else cast.lecturer
    writer = Writer(getattr(cast, who))
    email = f"{who}@north.example"
    rows = [["id", "name", "email"], [person.code, "Taken", email]]
    try:
        do_import(cast, kind, rows, writer=writer)
    except Forbidden:
        assert who != "admin"
    with campus_scope(cast.campus):
        after = type(person).objects.get(pk=person.pk)  # type: ignore[attr-defined]
        assert after.user == person.user
        assert Membership.objects.get(user=person.user).is_active
        roles = Membership.objects.filter(user=getattr(cast, who)).values_list("role", flat=True)
        assert set(roles) == {who}


def test_an_operator_links_nobody_who_has_no_login(cast: Cast, operator: Writer) -> None:
    """By hand that takes an administrator; so it does by file."""
    with campus_scope(cast.campus):
        Student.objects.filter(pk=cast.stranger.pk).update(user=None)
    rows = [["id", "name", "email"], [cast.stranger.code, "S", "own@north.example"]]
    do_import(cast, "students", rows, writer=operator)
    with campus_scope(cast.campus):
        assert Student.objects.get(pk=cast.stranger.pk).user is None
    do_import(cast, "students", rows, writer=Writer(cast.admin))
    with campus_scope(cast.campus):
        linked = Student.objects.select_related("user").get(pk=cast.stranger.pk).user
    assert linked is not None
    assert linked.email == "own@north.example"


def test_a_role_that_was_taken_by_hand_is_not_given_back_by_a_file(cast: Cast) -> None:
    with campus_scope(cast.campus):
        role = Membership.objects.get(user=cast.student.user)
        membership_deactivate(membership=role, now=timezone.now(), actor=SYSTEM)
    do_import(cast, "students", [["id", "name"], [cast.student.code, "Changed"]])
    with campus_scope(cast.campus):
        assert not Membership.objects.get(pk=role.pk).is_active


# --- Kinds and fields ----------------------------------------------------------------------------


def test_every_kind_asks_for_something() -> None:
    """A new kind without `needs` would be everybody's."""
    assert [kind.name for kind in IMPORT_TYPES.values() if not kind.needs] == []


@pytest.mark.parametrize("who", ["admin", "operator", "principal", "lecturer", "nobody"])
def test_kinds_are_those_that_the_same_person_may_write_by_hand(cast: Cast, who: str) -> None:
    found: Any = getattr(cast, who, None)
    user = found if isinstance(found, User) or found is None else found.user
    with campus_scope(cast.campus):
        allowed = {kind.name for kind in IMPORT_TYPES.values() if kind.is_for(Writer(user))}
    expected = {"admin": set(IMPORT_TYPES), "operator": OPERATORS_KINDS}
    assert allowed == expected.get(who, set())


def test_the_lists_offer_those_kinds_only(cast: Cast) -> None:
    for user, names in ((cast.admin, set(IMPORT_TYPES)), (cast.operator, OPERATORS_KINDS)):
        offered = signed_in(cast, user).get("/api/v1/imports/kinds").json()
        assert {kind["name"] for kind in offered} == names
        page = client_of(cast, user).get(url(ImportRun, "add"))
        choices = dict(page.context["adminform"].form.fields["kind"].choices)
        assert set(choices) == names


@pytest.mark.parametrize("step", ["commit", "mapping"])
def test_what_an_administrator_uploaded_is_not_an_operator_s_to_save(cast: Cast, step: str) -> None:
    with campus_scope(cast.campus):
        run = ImportRun.objects.create(
            kind="faculty",
            filename="f.xlsx",
            size=1,
            status=ImportRun.Status.CHECKED,
            created_by=cast.admin,
            created_at=timezone.now(),
        )
    api = signed_in(cast, cast.operator)
    method = api.post if step == "commit" else api.put
    assert method(f"/api/v1/imports/{run.pk}/{step}", {}).status_code == 403
    with campus_scope(cast.campus), pytest.raises(Forbidden):
        import_commit(run=run, removed=0, user_id=None, now=timezone.now(), actor=SYSTEM)


def test_what_an_administrator_imports_is_not_an_operator_s_to_stop(cast: Cast) -> None:
    """Neither over REST nor on the page; the administrator stops it, and the log says so."""
    with campus_scope(cast.campus):
        job = job_start(
            kind="imports.check",
            title="T",
            params={},
            user_id=cast.admin.pk,
            now=timezone.now(),
        )
        run = ImportRun.objects.create(
            kind="faculty", filename="f", size=1, job=job, created_at=timezone.now()
        )
    page = reverse("admin:imports_importrun_cancel", args=[run.pk])
    address = f"/api/v1/imports/{run.pk}/cancel"
    assert signed_in(cast, cast.operator).post(address).status_code == 403
    assert client_of(cast, cast.operator).post(page).status_code == 302
    with campus_scope(cast.campus):
        job.refresh_from_db()
        assert job.status == job.Status.QUEUED
    assert signed_in(cast, cast.admin).post(address).status_code == 202
    with campus_scope(cast.campus):
        job.refresh_from_db()
        assert job.status == job.Status.CANCELLED
        assert Entry.objects.filter(action="imports.cancelled").count() == 1


def test_an_operator_s_file_makes_no_sections(cast: Cast, operator: Writer) -> None:
    rows = [
        ["id", "name", "department", "year", "section"],
        ["N1", "There", "CSE", 2, "A"],
        ["N2", "New section", "CSE", 2, "Z"],
        ["N3", "New department", "NEW", 1, "A"],
    ]
    report = do_import(cast, "students", rows, writer=operator)
    assert counts(report) == (1, 0, 0, 2)
    why = "There is no such section, and your role does not allow making one."
    assert reasons(report) == [(3, why), (4, why)]
    with campus_scope(cast.campus):
        assert Section.objects.count() == 1
    assert counts(do_import(cast, "students", rows, writer=Writer(cast.admin)))[0] == 2


def test_columns_are_held_to_the_table(
    cast: Cast, operator: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrower = {**writes.WRITES[writes.STUDENT], "phone": writes.BY_ADMINS}
    monkeypatch.setitem(writes.WRITES, writes.STUDENT, narrower)
    rows = [["id", "name", "phone"], ["N1", "N", "+4915112345678"]]
    with pytest.raises(Forbidden) as refusal:
        do_import(cast, "students", rows, writer=operator)
    assert refusal.value.extra["fields"] == ["phone"]
    assert counts(do_import(cast, "students", [["id", "name"], ["N1", "N"]], writer=operator))


@pytest.mark.parametrize("kind", ["students", "faculty"])
def test_closing_and_reopening_people_asks_the_table(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    person = cast.student if kind == "students" else cast.lecturer
    label = person._meta.label_lower
    nobody = {**writes.WRITES[label], "is_active": writes.Rule((), ())}
    monkeypatch.setitem(writes.WRITES, label, nobody)
    rows = [["id", "name"], [person.code, "N"]]
    with pytest.raises(Forbidden):
        do_import(cast, kind, rows, writer=Writer(cast.admin), replace=True)
    with campus_scope(cast.campus):
        type(person).objects.filter(pk=person.pk).update(is_active=False)  # type: ignore[attr-defined]
    report = do_import(cast, kind, rows, writer=Writer(cast.admin))
    assert reasons(report) == [(2, "Was deactivated, and your role does not let anybody in again.")]


# --- Accounts elsewhere --------------------------------------------------------------------------


@pytest.fixture
def abroad(cast: Cast, other_cast: Cast) -> list[User]:
    """Forty people of south whose addresses north has in its file."""
    Campus.objects.filter(pk=cast.campus.pk).update(email_domains=[])
    with campus_scope(other_cast.campus):
        return [make_user(f"a{n:02}@else.example", Role.STUDENT, name="Real") for n in range(40)]


def file_of(users: list[User]) -> list[list[str]]:
    rows = [[f"E{n:02}", "Typed", user.email] for n, user in enumerate(users)]
    return [["id", "name", "email"], *rows, ["NEW", "New", "new@else.example"]]


def test_existing_addresses_are_invited_row_by_row_and_listed(
    cast: Cast, abroad: list[User]
) -> None:
    shown = do_import(cast, "students", file_of(abroad), dry=True)
    assert shown.as_json()["invited"] == 40
    with campus_scope(cast.campus):
        assert not Invitation.objects.exists()
        assert not Message.objects.exists()
    report = do_import(cast, "students", file_of(abroad))
    assert counts(report) == (41, 0, 0, 0)
    assert report.as_json()["invited_addresses"] == [user.email for user in abroad]
    with campus_scope(cast.campus):
        assert Student.objects.filter(code__startswith="E", user=None).count() == 40
        assert Student.objects.get(code="NEW").user is not None
        assert Invitation.objects.filter(status="waiting", role="student").count() == 40
        assert not Membership.objects.filter(user__in=abroad).exists()
        assert not Member.objects.filter(user__in=abroad).exists()
        assert Delivery.objects.filter(channel="email", user__in=abroad).count() == 40
        entry = Entry.objects.get(action="accounts.invitation.sent")
        assert entry.data == {"count": 40, "role": "student", "source": ""}
    invitations_answer(
        email=abroad[0].email,
        campus_id=cast.campus.pk,
        accept=True,
        now=NOW,
    )
    with campus_scope(cast.campus):
        assert Student.objects.get(email=abroad[0].email).user == abroad[0]


def test_the_same_file_again_invites_nobody_again(cast: Cast, abroad: list[User]) -> None:
    do_import(cast, "students", file_of(abroad))
    with campus_scope(cast.campus):
        Invitation.objects.filter(email=abroad[0].email).update(
            status="declined", answered_at=timezone.now()
        )
    again = do_import(cast, "students", file_of(abroad))
    assert (counts(again), again.result.invited) == ((0, 0, 41, 0), [])
    with campus_scope(cast.campus):
        assert Invitation.objects.count() == 40


def test_a_corrected_address_withdraws_the_invitation_to_the_wrong_one(
    cast: Cast, abroad: list[User]
) -> None:
    wrong, right = abroad[:2]
    do_import(cast, "students", [["id", "name", "email"], ["E1", "Typed", wrong.email]])
    do_import(cast, "students", [["id", "name", "email"], ["E1", "Typed", right.email]])
    with campus_scope(cast.campus):
        found = dict(Invitation.objects.values_list("email", "status"))
    assert found == {wrong.email: "withdrawn", right.email: "waiting"}


def test_an_address_that_moved_to_another_row_is_invited_for_that_one(
    cast: Cast, abroad: list[User]
) -> None:
    email = abroad[0].email
    do_import(cast, "students", [["id", "name", "email"], ["E1", "Typed", email]])
    with campus_scope(cast.campus):
        Student.objects.filter(code="E1").update(email="corrected@else.example")
    report = do_import(cast, "students", [["id", "name", "email"], ["E2", "Typed", email]])
    assert report.result.invited == [email]
    with campus_scope(cast.campus):
        found = dict(Invitation.objects.values_list("student__code", "status"))
    assert found == {"E1": "withdrawn", "E2": "waiting"}


def test_addresses_of_an_own_verified_domain_join_at_once(cast: Cast, abroad: list[User]) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(verified_domains=["else.example"])
    report = do_import(cast, "students", file_of(abroad))
    assert report.result.invited == []
    with campus_scope(cast.campus):
        assert Membership.objects.filter(user__in=abroad, role="student").count() == 40


def test_an_account_keeps_its_name_and_password(cast: Cast, abroad: list[User]) -> None:
    do_import(cast, "students", file_of(abroad))
    after = User.objects.get(pk=abroad[0].pk)
    assert after.name == "Real"
    assert after.check_password(PASSWORD)


def test_lecturers_are_invited_too(cast: Cast, other_cast: Cast, abroad: list[User]) -> None:
    report = do_import(
        cast, "faculty", [["id", "name", "email"], ["F1", "T", other_cast.lecturer.email]]
    )
    assert report.result.invited == [other_cast.lecturer.email]
    with campus_scope(cast.campus):
        assert Invitation.objects.get().faculty == Faculty.objects.get(code="F1")


def test_inviting_takes_no_more_statements_for_more_rows(cast: Cast, abroad: list[User]) -> None:
    def statements(users: list[User]) -> int:
        data = xlsx(file_of(users)[:-1])
        with CaptureQueriesContext(connection) as asked:
            report = do_import(cast, "students", data, dry=True)
        assert len(report.result.invited) == len(users)
        return len(asked)

    assert statements(abroad) == statements(abroad[:2])


def test_kinds_have_a_page_for_their_refusal(cast: Cast) -> None:
    with campus_scope(cast.campus), pytest.raises(Forbidden) as refusal:
        import_type_named("oneroster").refuse(Writer(cast.operator))
    assert "OneRoster" in refusal.value.message


@pytest.mark.parametrize("number", ["²", "x", "9" * 5000])
def test_a_page_of_no_run_is_none(cast: Cast, number: str) -> None:
    page = client_of(cast, cast.admin).get(f"/admin/imports/importrun/{number}/change/")
    assert page.status_code in (302, 404)


# --- What was looked at is what is saved ---------------------------------------------------------


def checked(cast: Cast, api: APIClient, kind: str, data: bytes) -> str:
    """The address of an import that was uploaded and checked by this client's account."""
    file = SimpleUploadedFile("file", data)
    answer = api.post("/api/v1/imports", {"kind": kind, "file": file}, "multipart")
    assert answer.status_code == 202, answer.content
    work(cast)
    return f"/api/v1/imports/{answer.json()['id']}"


@pytest.mark.django_db(transaction=True)
def test_an_operator_s_rows_are_not_saved_with_more_rights_than_they_were_checked_with() -> None:
    """Else an administrator saves rows that the page counted as wrong."""
    cast = make_cast("north")
    operator, admin = signed_in(cast, cast.operator), signed_in(cast, cast.admin)
    rows = [
        ["id", "name", "email", "department", "year", "section"],
        ["N1", "Right", "n1@north.example", "CSE", 2, "A"],
        ["N2", "New section", "n2@north.example", "NEW", 1, "Z"],
        ["N3", "Renamed", "principal@north.example", "", "", ""],
    ]
    page = checked(cast, operator, "students", xlsx(rows))
    assert operator.get(page).json()["result"]["wrong"] == 2
    refused = admin.post(f"{page}/commit", {})
    assert (refused.status_code, code_of(refused)) == (409, "checked_with_other_rights")
    assert admin.put(f"{page}/mapping", {}, "json").status_code == 202
    work(cast)
    assert admin.get(page).json()["result"]["wrong"] == 0
    assert code_of(operator.post(f"{page}/commit", {})) == "checked_with_other_rights"
    assert admin.post(f"{page}/commit", {}).status_code == 202


@pytest.mark.parametrize("step", ["upload", "mapping"])
def test_no_step_takes_an_option_that_the_kind_does_not_know(cast: Cast, step: str) -> None:
    admin = signed_in(cast, cast.admin)
    every: dict[str, Any] = {"department": "CSE", "year": 1, "section": "A", "term": 1}
    for kind in IMPORT_TYPES.values():
        allowed = {*kind.options, *(["replace"] if kind.can_replace else [])}
        for name, value in ({**every, "replace": True}).items():
            if name in allowed:
                continue
            if step == "upload":
                file = SimpleUploadedFile("f.xlsx", xlsx([["id"]]))
                body = {"kind": kind.name, "file": file, "options": json.dumps({name: value})}
                answer = admin.post("/api/v1/imports", body, "multipart")
            else:
                with campus_scope(cast.campus):
                    facts = {"kind": kind.name, "filename": "f", "size": 1}
                    run = ImportRun.objects.create(
                        **facts, status="checked", created_at=timezone.now()
                    )
                path = f"/api/v1/imports/{run.pk}/mapping"
                answer = admin.put(path, {"options": {name: value}}, "json")
            assert (answer.status_code, code_of(answer)) == (400, "unknown_option"), (kind, name)
            cache.clear()


def test_a_bundle_deactivates_nobody_whatever_it_is_told(cast: Cast) -> None:
    """It has no preview of whom."""
    do_import(cast, "oneroster", zipped(BUNDLE), replace=True)
    with campus_scope(cast.campus):
        assert not Student.objects.filter(is_active=False).exists()
        assert not Faculty.objects.filter(is_active=False).exists()


def test_what_is_said_once_for_the_whole_file_is_held_to_the_table_too(
    cast: Cast, operator: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrower = {**writes.WRITES[writes.STUDENT], "year_of_study": writes.BY_ADMINS}
    monkeypatch.setitem(writes.WRITES, writes.STUDENT, narrower)
    rows = [["id", "name"], [cast.student.code, "N"]]
    with pytest.raises(Forbidden):
        do_import(cast, "students", rows, writer=operator, year=1)


@pytest.mark.django_db(transaction=True)
def test_what_was_checked_again_is_not_saved_unseen() -> None:
    """Somebody with the same rights may give the columns another meaning between look and save."""
    cast = make_cast("north")
    admin, colleague = signed_in(cast, cast.admin), signed_in(cast, cast.admin)
    page = checked(cast, admin, "subjects", xlsx([["code", "title"], ["S1", "Sorting"]]))
    seen = admin.get(page).json()["check"]
    number = page.rsplit("/", 1)[-1]
    shown = client_of(cast, cast.admin).get(f"/admin/imports/importrun/{number}/change/")
    assert f'name="check" value="{seen}"' in shown.content.decode()
    assert colleague.put(f"{page}/mapping", {}, "json").status_code == 202
    work(cast)
    assert code_of(admin.post(f"{page}/commit", {"check": seen})) == "checked_again"
    browser = client_of(cast, cast.admin)
    browser.post(f"/admin/imports/importrun/{number}/commit/", {"removed": "0", "check": seen})
    assert admin.get(page).json()["status"] == "checked"
    again = admin.get(page).json()["check"]
    assert admin.post(f"{page}/commit", {"check": again}).status_code == 202
