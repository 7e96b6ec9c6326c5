"""Faces are searched only where the campus wrote down why, and among students who agreed to it."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.attendance.models import Policy
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.errors import Refused
from apps.liveness.wording import agreed_to_head_turns
from apps.privacy.models import Consent, SearchPermission
from apps.privacy.search_problems import NEEDED
from apps.privacy.selectors import (
    agreed_to_search,
    is_up_to_date,
    search_problem,
    search_require,
    wording_of,
)
from apps.privacy.services import consent_give, search_permission_withdraw
from apps.privacy.wording import WORDINGS
from apps.tenants.scope import campus_scope
from tests.accounts.support import signed_in
from tests.admin.support import client_of
from tests.factories import Cast
from tests.privacy.permission import PERMISSION, permit_search

FACE = Consent.Kind.FACE
PLAIN = WORDINGS[FACE].version
CONSENTS = "/api/v1/me/consents"


def give(cast: Cast, now: datetime) -> Consent:
    version = wording_of(kind=FACE).version
    return consent_give(student=cast.student, kind=FACE, version=version, now=now, actor=SYSTEM)


class TestPaper:
    def test_searching_is_off_until_it_is_written(self, in_campus: Cast, now: datetime) -> None:
        assert search_problem() == "search_not_permitted"
        with pytest.raises(Refused) as refused:
            search_require()
        assert (refused.value.code, refused.value.status) == ("search_not_permitted", 403)
        permission = permit_search(now)
        assert search_problem() is None
        assert search_require() == permission
        entry = Entry.objects.get(action="privacy.search.permitted")
        assert entry.data == {"version": 1, "asked_anew": 1, "covers": "roster"}

    @pytest.mark.parametrize("missing", NEEDED)
    def test_each_gap_is_a_reason_of_its_own(
        self, in_campus: Cast, now: datetime, missing: str
    ) -> None:
        empty = None if missing in {"assessed_on", "retention_days"} else ""
        permit_search(now, **{missing: empty})
        assert search_problem() == NEEDED[missing]

    def test_the_reasons_differ(self) -> None:
        assert len(set(NEEDED.values())) == len(NEEDED) == 7

    def test_a_roster_is_not_the_campus(self, in_campus: Cast, now: datetime) -> None:
        permit_search(now)
        assert search_problem(covers="campus") == "search_roster_only"
        permit_search(now, covers="campus")
        assert search_problem(covers="campus") is None
        assert search_problem() is None

    def test_withdrawing_switches_it_off_and_another_version_on(
        self, in_campus: Cast, now: datetime
    ) -> None:
        assert not search_permission_withdraw(now=now, actor=SYSTEM)
        permit_search(now)
        assert search_permission_withdraw(now=now, actor=SYSTEM)
        assert search_problem() == "search_withdrawn"
        assert not search_permission_withdraw(now=now, actor=SYSTEM)
        assert permit_search(now).version == 2
        assert search_problem() is None

    def test_the_newest_version_counts(self, in_campus: Cast, now: datetime) -> None:
        permit_search(now)
        permit_search(now, purpose="")
        assert search_problem() == "search_without_purpose"
        assert SearchPermission.objects.count() == 2

    def test_another_campus_permits_nothing(
        self, cast: Cast, other_cast: Cast, now: datetime
    ) -> None:
        with campus_scope(cast.campus):
            permit_search(now)
        with campus_scope(other_cast.campus):
            assert search_problem() == "search_not_permitted"
            assert permit_search(now).version == 1


class TestConsents:
    def test_the_wording_says_what_was_written(self, in_campus: Cast, now: datetime) -> None:
        assert wording_of(kind=FACE) == WORDINGS[FACE]
        permit_search(now)
        wording = wording_of(kind=FACE)
        assert wording.version == f"{PLAIN}+s1"
        for name in ("purpose", "legal_basis", "assessment_owner", "alternative", "reviewers"):
            assert PERMISSION[name] in wording.text
        assert "7 days" in wording.text

    def test_who_agreed_before_is_asked_anew_and_not_searched(
        self, in_campus: Cast, now: datetime
    ) -> None:
        before = give(in_campus, now)
        permission = permit_search(now)
        assert not is_up_to_date(before, wording_of(kind=FACE))
        assert list(agreed_to_search(permission)) == []
        anew = give(in_campus, now + timedelta(minutes=1))
        assert is_up_to_date(anew, wording_of(kind=FACE))
        assert list(agreed_to_search(permission)) == [anew]

    def test_another_purpose_is_agreed_to_anew_and_another_reviewer_is_not(
        self, in_campus: Cast, now: datetime
    ) -> None:
        permit_search(now)
        consent = give(in_campus, now)
        assert list(agreed_to_search(permit_search(now, reviewers="The department"))) == [consent]
        assert list(agreed_to_search(permit_search(now, purpose="Research"))) == []

    def test_after_a_withdrawal_it_is_agreed_to_anew(self, in_campus: Cast, now: datetime) -> None:
        permit_search(now)
        consent = give(in_campus, now)
        search_permission_withdraw(now=now, actor=SYSTEM)
        assert is_up_to_date(consent, wording_of(kind=FACE))  # it says more than is asked now
        assert list(agreed_to_search(permit_search(now))) == []

    def test_head_turns_are_named_where_a_policy_asks_for_them(
        self, in_campus: Cast, now: datetime
    ) -> None:
        before = give(in_campus, now)
        Policy.objects.create(version=1, liveness="preferred", created_at=now)
        wording = wording_of(kind=FACE)
        assert wording.version == f"{PLAIN}+t1"
        for words in ("5 to 8 small pictures", "for 90 days", "may leave the turns out"):
            assert words in wording.text
        assert not is_up_to_date(before, wording)
        assert not agreed_to_head_turns(student_id=in_campus.student.pk)
        anew = give(in_campus, now + timedelta(minutes=1))
        assert agreed_to_head_turns(student_id=in_campus.student.pk)
        permission = permit_search(now)
        assert wording_of(kind=FACE).version == f"{PLAIN}+t1+s1"
        assert list(agreed_to_search(permission)) == []
        with_all = give(in_campus, now + timedelta(minutes=2))
        assert list(agreed_to_search(permission)) == [with_all]
        # Off again, whatever a course has: what was agreed to says more than is asked now.
        Policy.objects.create(version=2, created_at=now)
        assert wording_of(kind=FACE).version == f"{PLAIN}+s1"
        assert is_up_to_date(with_all, wording_of(kind=FACE))
        assert list(agreed_to_search(permission)) == [with_all]
        assert not is_up_to_date(anew, wording_of(kind=FACE))

    def test_a_course_alone_may_ask_for_head_turns(self, in_campus: Cast, now: datetime) -> None:
        course = in_campus.course
        Policy.objects.create(version=1, course=course, liveness="required", created_at=now)
        assert wording_of(kind=FACE).version == f"{PLAIN}+t1"
        Policy.objects.create(version=2, course=course, created_at=now)
        assert wording_of(kind=FACE) == WORDINGS[FACE]

    def test_a_paper_with_gaps_changes_no_wording(self, in_campus: Cast, now: datetime) -> None:
        permit_search(now, alternative="")
        assert wording_of(kind=FACE) == WORDINGS[FACE]

    def test_students_read_it_and_agree_in_the_app(self, cast: Cast, now: datetime) -> None:
        phone: APIClient = signed_in(cast.host, cast.student.email)
        with campus_scope(cast.campus):
            permit_search(now)
        offered = phone.get(CONSENTS).json()[0]
        assert PERMISSION["purpose"] in offered["text"]
        outdated = phone.post(CONSENTS, {"kind": "face", "version": PLAIN})
        assert outdated.json()["errors"][0]["code"] == "outdated_wording"
        given = phone.post(CONSENTS, {"kind": "face", "version": offered["version"]})
        assert given.json()["up_to_date"]


class TestAdministration:
    @pytest.fixture
    def office(self, cast: Cast) -> Client:
        return client_of(cast, cast.admin)

    def test_it_is_written_and_withdrawn_there(self, cast: Cast, office: Client) -> None:
        add = reverse("admin:privacy_searchpermission_add")
        assert office.get(add).status_code == 200
        form = {**PERMISSION, "assessed_on": "2026-09-01"}
        assert office.post(add, form).status_code == 302
        with campus_scope(cast.campus):
            permission = SearchPermission.objects.get()
            assert (permission.version, permission.purpose) == (1, PERMISSION["purpose"])
            assert search_problem() is None
        listed = office.get(reverse("admin:privacy_searchpermission_changelist"))
        assert "in force" in listed.content.decode()
        second = office.get(add).content.decode()
        assert PERMISSION["purpose"] in second  # a new version begins with what the last one says
        office.post(
            reverse("admin:privacy_searchpermission_changelist"),
            {"action": "withdraw", "_selected_action": [permission.pk]},
        )
        with campus_scope(cast.campus):
            assert search_problem() == "search_withdrawn"
