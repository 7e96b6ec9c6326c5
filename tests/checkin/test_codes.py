"""One-time codes: for one student, once; for the class where the policy says so. And tickets."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from apps.attendance.models import Policy
from apps.attendance.services.register import StartRefusal, register_close
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt, Reason
from apps.checkin.services.codes import class_code_issue, student_code_issue
from apps.common.errors import NotFound, Refused
from apps.qr_otp.models import OneTimeCode, Scan
from apps.qr_otp.problems import Problem
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast, make_cast
from tests.phone import Phone, code_of, signed_in

pytestmark = pytest.mark.django_db
SCRIPTS = ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "０１２３４５６７８９", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯")


def code_for(cast: Cast, session: ClassSession, student: Any) -> str:
    with campus_scope(cast.campus):
        return student_code_issue(
            session=session, student_id=student.pk, now=timezone.now(), actor=SYSTEM
        )[0]


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_a_code_is_for_one_student_alone(cast: Cast, session: ClassSession, phone: Phone) -> None:
    code = code_for(cast, session, cast.student)
    for other in (cast.classmate, cast.representative):
        answer = Phone(cast, other).redeem(session=session.pk, one_time_code=code)
        assert problem(answer) == (410, "expired_code")
    assert phone.redeem(session=session.pk, one_time_code=code).status_code == 201


def test_it_is_used_up_and_a_lost_answer_is_given_again(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    code = code_for(cast, session, cast.student)
    first = phone.redeem(session=session.pk, one_time_code=code).json()
    assert phone.redeem(session=session.pk, one_time_code=code).json() == first
    with campus_scope(cast.campus):
        OneTimeCode.objects.update(used_at=timezone.now() - timedelta(seconds=91))
    answer = phone.redeem(session=session.pk, one_time_code=code)
    assert problem(answer) == (410, "expired_code")


def test_codes_for_two_students_live_side_by_side(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    own = code_for(cast, session, cast.student)
    other = code_for(cast, session, cast.classmate)
    assert phone.redeem(session=session.pk, one_time_code=own).status_code == 201
    answer = Phone(cast, cast.classmate).redeem(session=session.pk, one_time_code=other)
    assert answer.status_code == 201


def test_wrong_tries_are_counted_and_a_new_code_does_not_reset_them(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    code = code_for(cast, session, cast.student)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _try in range(5):
        answer = phone.redeem(session=session.pk, one_time_code=wrong)
        assert problem(answer) == (400, "wrong_code")
    fresh = code_for(cast, session, cast.student)
    answer = phone.redeem(session=session.pk, one_time_code=fresh)
    assert problem(answer) == (429, "too_many_tries")
    other = code_for(cast, session, cast.classmate)
    answer = Phone(cast, cast.classmate).redeem(session=session.pk, one_time_code=other)
    assert answer.status_code == 201


def test_it_dies_with_the_session(cast: Cast, session: ClassSession, phone: Phone) -> None:
    code = code_for(cast, session, cast.student)
    with campus_scope(cast.campus):
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
        assert not OneTimeCode.objects.filter(ended_at__isnull=True).exists()
    answer = phone.redeem(session=session.pk, one_time_code=code)
    assert answer.json()["errors"][0]["code"] in {"expired_code", "session_not_open"}


def test_only_students_of_the_course_are_given_one(cast: Cast, session: ClassSession) -> None:
    with campus_scope(cast.campus), pytest.raises(NotFound):
        student_code_issue(
            session=session, student_id=cast.stranger.pk, now=timezone.now(), actor=SYSTEM
        )


def test_a_code_for_the_class_needs_a_policy_that_knows_it(
    cast: Cast, session: ClassSession
) -> None:
    with campus_scope(cast.campus), pytest.raises(Refused) as refused:
        class_code_issue(session=session, now=timezone.now(), actor=SYSTEM)
    assert refused.value.code == "class_codes_off"


def test_it_counts_by_a_weight_of_its_own_and_is_named_as_such(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, class_code_weight="0.20", created_at=timezone.now())
    session = open_session(cast)
    with campus_scope(cast.campus):
        shared, _until = class_code_issue(session=session, now=timezone.now(), actor=SYSTEM)
    told = code_for(cast, session, cast.classmate)
    scores = {}
    for student, code, method, words in (
        (cast.student, shared, "class_code", "code told to the class ✓"),
        (cast.classmate, told, "otp", "code told to this student ✓"),
    ):
        phone = Phone(cast, student)
        ticket = phone.redeem(session=session.pk, one_time_code=code).json()["ticket"]
        body = phone.check_in(ticket, location=HERE, beacons=HEARD).json()
        assert (body["outcome"], body["method"]) == ("accepted", method)
        assert words in body["explanation"]
        scores[method] = body["score"]
        with campus_scope(cast.campus):
            assert CheckInAttempt.objects.get(pk=body["id"]).method == method
    # QR weighs 0.35 of 0.80, and passes with half of it plus half of the confidence.
    assert scores["class_code"] == pytest.approx(1 - 0.35 / 0.8 * (1 - 0.2) / 2, abs=0.01)
    assert scores["otp"] == pytest.approx(1 - 0.35 / 0.8 * (1 - 0.8) / 2, abs=0.01)


def test_rest_asks_for_one_student_or_for_all(cast: Cast, session: ClassSession) -> None:
    assert cast.lecturer.user is not None
    client = signed_in(cast, cast.lecturer.user)
    url = f"/api/v1/sessions/{session.pk}/one-time-code"
    made = client.post(url, {"student": cast.student.pk}, format="json")
    assert (made.status_code, made.json()["student"]) == (201, cast.student.pk)
    refused = client.post(url, {"whole_class": True}, format="json")
    assert problem(refused) == (409, "class_codes_off")
    assert client.post(url, {"student": cast.stranger.pk}, format="json").status_code == 404
    for body in ({}, {"whole_class": False}, {"student": 1, "whole_class": True}, {"student": "x"}):
        assert client.post(url, body, format="json").status_code == 400


@pytest.mark.parametrize("digits", SCRIPTS)
def test_digits_of_other_scripts_are_digits(
    cast: Cast, session: ClassSession, phone: Phone, digits: str
) -> None:
    code = code_for(cast, session, cast.student)
    typed = code.translate(str.maketrans("0123456789", digits))
    assert phone.redeem(session=session.pk, one_time_code=typed).status_code == 201


@pytest.mark.parametrize("digits", SCRIPTS)
def test_they_are_in_the_text_code_too(
    cast: Cast, session: ClassSession, phone: Phone, digits: str
) -> None:
    text = code_of(cast, session.pk, timezone.now()).text
    typed = text.translate(str.maketrans("0123456789", digits))
    assert phone.redeem(session=session.pk, text_code=typed).status_code == 201


# --- The same code again ---------------------------------------------------------------------


def test_the_same_code_gets_the_same_ticket(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    token = code_of(cast, session.pk, timezone.now()).token
    first, again = phone.redeem(token=token), phone.redeem(token=token)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    with campus_scope(cast.campus):
        assert Scan.objects.count() == 1
    other = Phone(cast, cast.classmate).redeem(token=token).json()
    assert other["ticket"] != first.json()["ticket"]


def test_the_same_text_code_gets_the_same_ticket(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    text = code_of(cast, session.pk, timezone.now()).text
    answers = [phone.redeem(session=session.pk, text_code=text).json() for _ in range(2)]
    assert answers[0] == answers[1]


def test_another_device_gets_another_ticket(cast: Cast, session: ClassSession) -> None:
    phone = Phone(cast, cast.student, bind=False)
    token = code_of(cast, session.pk, timezone.now()).token
    before = phone.redeem(token=token).json()["ticket"]
    phone.bind()
    assert phone.redeem(token=token).json()["ticket"] != before


@pytest.mark.django_db(transaction=True)
def test_ten_redeems_at_once_get_one_ticket() -> None:
    cast = make_cast("north")
    session = open_session(cast)
    phone = Phone(cast, cast.student)
    token = code_of(cast, session.pk, timezone.now()).token
    bodies: list[tuple[int, str]] = []

    def redeem() -> None:
        answer = phone.redeem(token=token)
        bodies.append((answer.status_code, answer.content.decode()))
        connections.close_all()

    threads = [threading.Thread(target=redeem) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(bodies) == 10
    assert len(set(bodies)) == 1, bodies
    with campus_scope(cast.campus):
        assert Scan.objects.count() == 1


def test_what_is_wrong_with_a_code_is_a_reason_of_the_same_name_and_code() -> None:
    """The problems of `qr_otp` are members of each vocabulary that answers with them."""
    assert {problem.name: Reason(problem).name for problem in Problem} == {
        problem.name: problem.name for problem in Problem
    }
    told = {Problem.WRONG_CODE, Problem.EXPIRED, Problem.TOO_MANY_TRIES}
    assert {str(reason) for reason in StartRefusal} == told


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.MALFORMED, 400),
        (Reason.FORGED, 400),
        (Reason.EXPIRED, 410),
        (Reason.WRONG_CODE, 400),
        (Reason.TOO_MANY_TRIES, 429),
        (Reason.NOT_OPEN, 409),
        (Reason.NOT_ENROLLED, 403),
        (Reason.BAD_TICKET, 400),
    ],
)
def test_a_reason_brings_its_code_status_and_words(reason: Reason, status: int) -> None:
    error = reason.error()
    assert (error.code, error.status, error.message) == (reason.value, status, str(reason.label))
