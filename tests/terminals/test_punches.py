"""What becomes of punches: counted where exactly one session fits, queued with a reason else."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.attendance.models import AttendanceRecord, RecordSource, Status
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open
from apps.audit.models import Entry
from apps.audit.services import SYSTEM, Actor
from apps.checkin.models import CheckInAttempt, Method, Outcome, Reason
from apps.checkin.services.waiting import waiting_decide
from apps.common.errors import Invalid, Refused
from apps.enrollments.models import Enrollment
from apps.integrity.models import Finding
from apps.integrity.services.findings import findings_find
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.terminals.models import Card, CardKey, CardTerminal, Punch
from apps.terminals.selectors import punches_due, punches_mendable
from apps.terminals.services.cards import card_add, cards_revoke
from apps.terminals.services.deciding import punch_assign, punches_put_aside
from apps.terminals.services.punches import PunchInput, punches_retry, punches_take
from tests.factories import Cast, enroll, make_classroom, make_course, make_session, make_student
from tests.terminals.support import (
    MINUTE,
    allow_cards,
    give_card,
    make_terminal,
    open_lesson,
    punch,
    register,
)

pytestmark = pytest.mark.django_db
OFFICE = Actor(label="office@north.example", id="user:1")
CARDS = {"STUD": "0004A21F", "MATE": "0004A220", "REPR": "0004A221", "STRA": "0004A222"}


@pytest.fixture
def door(in_campus: Cast, now: datetime) -> CardTerminal:
    """The reader at the cast's room; everybody has a card, and the policy counts cards."""
    allow_cards(now)
    cast = in_campus
    for student in (cast.student, cast.classmate, cast.representative, cast.stranger):
        give_card(student, CARDS[student.code], now=now)
    return make_terminal(cast.classroom, now=now)[0]


def statuses(*rows: Punch) -> list[tuple[str, str]]:
    return [(row.status, row.reason) for row in rows]


# --- The replay of bad punches ---------------------------------------------------------------


def test_a_day_of_bad_punches_gives_the_register_made_by_hand(
    in_campus: Cast, other_cast: Cast, door: CardTerminal, now: datetime
) -> None:
    """Two hours without network, clock seven minutes fast, the same punch twice, an unknown card,
    one of another campus, one 20 minutes before the lesson, two lessons at once in the room."""
    cast = in_campus
    with campus_scope(other_cast.campus):
        give_card(other_cast.student, "00BEEF01", now=now)
    beside = make_course(faculty=cast.outsider, code="CS400-A", classroom=cast.classroom)
    enroll(cast.stranger, beside)
    enroll(cast.classmate, beside)
    lesson = open_lesson(cast, now=now)
    second = open_lesson(cast, now=now, course=beside)
    for session in (lesson, second):
        register_close(session=session, now=now + 90 * MINUTE, actor=SYSTEM)
    fast, sent = 7 * MINUTE, now + 120 * MINUTE
    read = [
        ("STUD", now + 2 * MINUTE),
        ("STUD", now + 2 * MINUTE),  # the very same, sent twice
        ("STUD", now + 3 * MINUTE),  # held against the reader once more
        ("REPR", now + 14 * MINUTE),  # late after ten minutes
        ("MATE", now + 1 * MINUTE),  # in both lessons
        ("STRA", now - 20 * MINUTE),  # opened 15 minutes before
    ]
    sheet = [
        PunchInput(key=f"{code}{at:%H%M%S}", card=CARDS[code], read_at=at + fast)
        for code, at in read
    ]
    sheet += [
        PunchInput(key="unknown", card="00C0FFEE", read_at=now + 4 * MINUTE + fast),
        PunchInput(key="south", card="00BEEF01", read_at=now + 5 * MINUTE + fast),
    ]

    def replay() -> list[tuple[str, str]]:
        return statuses(*punches_take(terminal=door, punches=sheet, now=sent, sent_at=sent + fast))

    first = replay()
    assert first == [
        ("counted", ""),
        ("counted", ""),
        ("noted", "duplicate"),
        ("counted", ""),
        ("queued", "two_sessions"),
        ("queued", "too_early"),
        ("queued", "unknown_card"),
        # What is known on another campus is not looked up there: nobody learns of it.
        ("queued", "unknown_card"),
    ]
    by_hand = {"STUD": ("present", 2), "REPR": ("late", 14), "MATE": ("absent", 0)}
    assert register(lesson) == by_hand
    assert register(second) == {"STRA": ("absent", 0), "MATE": ("absent", 0)}
    lesson.refresh_from_db()
    assert (lesson.total_attended, lesson.total_enrolled) == (2, 3)
    before = list(AttendanceRecord.objects.order_by("pk").values())
    rows, attempts = Punch.objects.count(), CheckInAttempt.objects.count()
    assert replay() == first
    assert list(AttendanceRecord.objects.order_by("pk").values()) == before
    assert (Punch.objects.count(), CheckInAttempt.objects.count()) == (rows, attempts) == (7, 2)
    door.refresh_from_db()
    assert door.drift_seconds == 420
    assert Punch.objects.get(key="unknown").drift_seconds == 420


# --- Placing ---------------------------------------------------------------------------------


def test_a_punch_in_time_is_a_check_in_at_its_moment(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    lesson = open_lesson(in_campus, now=now)
    row = punch(door, "4:a2:1f", now + MINUTE)
    attempt = CheckInAttempt.objects.get(pk=row.attempt_id)
    assert (attempt.method, attempt.outcome, str(attempt.score)) == ("card", "accepted", "0.80")
    assert (attempt.device_id, attempt.address, attempt.latitude) == (None, None, None)
    record = AttendanceRecord.objects.get(session=lesson)
    assert (record.status, record.recorded_at) == (Status.PRESENT, now + MINUTE)
    assert Entry.objects.filter(action="checkin.attempt.accepted").count() == 1


@pytest.mark.parametrize(
    ("card", "minutes", "reason"),
    [
        ("0004A21F", 95, "too_late"),
        ("0004A21F", -16, "too_early"),
        ("0004A21F", 6 * 60, "no_session"),
        ("0004A222", 5, "not_enrolled"),
        ("00999999", 5, "unknown_card"),
        ("::", 5, "blank"),
    ],
)
def test_what_fits_nothing_waits_with_its_reason(
    in_campus: Cast, door: CardTerminal, now: datetime, card: str, minutes: int, reason: str
) -> None:
    open_lesson(in_campus, now=now)
    assert statuses(punch(door, card, now + minutes * MINUTE)) == [("queued", reason)]
    assert not AttendanceRecord.objects.exists()


def test_clocks_that_cannot_be_right_are_not_believed(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    open_lesson(in_campus, now=now)
    future = punch(door, CARDS["STUD"], now + 5 * MINUTE, now=now)
    hours = timedelta(hours=3)
    wrong = punch(door, CARDS["STUD"], now + hours, key="w", now=now, sent_at=now + hours)
    assert statuses(future, wrong) == [("queued", "clock_off")] * 2


def test_a_day_later_is_too_late_and_a_log_of_before_is_noted(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    open_lesson(in_campus, now=now)
    later = now + timedelta(hours=25)
    CardTerminal.objects.update(created_at=now)
    door.refresh_from_db()
    rows = [
        punch(door, CARDS["STUD"], now + MINUTE, now=later),
        punch(door, CARDS["STUD"], now - timedelta(days=9), now=later),
    ]
    assert statuses(*rows) == [("queued", "too_old"), ("noted", "before")]


def test_the_next_lesson_is_the_one_that_is_not_attended_yet(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    """Lessons back to back: whoever was in the first and punches again comes to the second."""
    first = open_lesson(in_campus, now=now)
    following = make_course(faculty=in_campus.outsider, code="CS500-A")
    enroll(in_campus.student, following)
    enroll(in_campus.classmate, following)
    start = now + 90 * MINUTE
    second = open_lesson(
        in_campus,
        now=start - 10 * MINUTE,
        course=following,
        starts_at=start,
        classroom=in_campus.classroom,
    )
    punch(door, CARDS["STUD"], now)
    again = punch(door, CARDS["STUD"], start - 5 * MINUTE)
    only = punch(door, CARDS["MATE"], start - 5 * MINUTE)
    assert statuses(again, only) == [("counted", ""), ("queued", "two_sessions")]
    assert (register(first), register(second)) == (
        {"STUD": ("present", 0)},
        {"STUD": ("present", 0)},
    )


def test_a_punch_waits_for_its_session_to_be_opened(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    lesson = make_session(in_campus.course)
    early = punch(door, CARDS["STUD"], now - 10 * MINUTE)
    twice = punch(door, CARDS["STUD"], now - 9 * MINUTE)
    assert statuses(early, twice) == [("waiting", ""), ("noted", "duplicate")]
    assert punches_due(now=now) == {}
    register_open(session=lesson, topic="Sorting", now=now, actor=SYSTEM)
    assert punches_retry(terminal=door, punches=punches_due(now=now)[door], now=now) == 1
    early.refresh_from_db()
    assert (early.status, register(lesson)) == ("counted", {"STUD": ("present", 0)})


def test_a_session_that_nobody_opened_was_not_held(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    make_session(in_campus.course)
    row = punch(door, CARDS["STUD"], now)
    later = now + timedelta(hours=25)
    punches_retry(terminal=door, punches=punches_due(now=later)[door], now=later)
    row.refresh_from_db()
    assert statuses(row) == [("queued", "not_held")]


def test_a_room_that_is_moved_afterwards_takes_its_punches_along(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    lesson = open_lesson(in_campus, now=now, classroom=make_classroom("202"))
    row = punch(door, CARDS["STUD"], now)
    assert statuses(row) == [("queued", "no_session")]
    ClassSession.objects.update(classroom=in_campus.classroom)
    found = punches_mendable(now=now + 5 * MINUTE)
    assert punches_retry(terminal=door, punches=found[door], now=now + 5 * MINUTE) == 1
    assert register(lesson) == {"STUD": ("present", 0)}


# --- Policy and people -----------------------------------------------------------------------


def test_cards_are_off_until_the_policy_allows_them(in_campus: Cast, now: datetime) -> None:
    give_card(in_campus.student, "1234", now=now)
    terminal, _token = make_terminal(in_campus.classroom, now=now)
    open_lesson(in_campus, now=now)
    assert statuses(punch(terminal, "1234", now)) == [("queued", "cards_off")]


def test_a_card_below_the_score_needed_waits_for_the_lecturer(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    allow_cards(now, "0.50")
    lesson = open_lesson(in_campus, now=now)
    row = punch(door, CARDS["STUD"], now + MINUTE)
    attempt = CheckInAttempt.objects.get(pk=row.attempt_id)
    assert (attempt.outcome, attempt.reason) == (Outcome.WAITING, Reason.CARD_ALONE)
    assert register(lesson) == {}
    waiting_decide(
        session=lesson, attempt_ids=[attempt.pk], accept=True, now=now + 9 * MINUTE, actor=OFFICE
    )
    assert register(lesson) == {"STUD": ("present", 1)}


def test_a_mark_by_hand_is_never_overwritten(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    lesson = open_lesson(in_campus, now=now)
    record_mark(
        session=lesson,
        student_id=in_campus.student.pk,
        status=Status.ABSENT,
        reason="",
        now=now,
        actor=OFFICE,
    )
    assert punch(door, CARDS["STUD"], now + MINUTE).status == "counted"
    assert register(lesson) == {"STUD": ("absent", 0)}
    assert AttendanceRecord.objects.get().source == RecordSource.MANUAL


def test_a_locked_register_takes_nothing(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    lesson = open_lesson(in_campus, now=now)
    register_close(session=lesson, now=now + 90 * MINUTE, actor=SYSTEM)
    allow_cards(now, locked_before=(now + timedelta(days=1)).date())
    row = punch(door, CARDS["STUD"], now + MINUTE, now=now + 100 * MINUTE)
    assert statuses(row) == [("queued", "frozen")]


def test_who_left_the_course_that_day_is_not_enrolled(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    open_lesson(in_campus, now=now)
    Enrollment.objects.filter(student=in_campus.student).update(
        status="dropped", ended_on=now.date()
    )
    assert statuses(punch(door, CARDS["STUD"], now)) == [("queued", "not_enrolled")]


def test_a_lent_card_and_its_owners_phone_elsewhere_are_noticed(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    lesson = open_lesson(in_campus, now=now)
    place = {"passed": False, "confidence": 0, "reason": "outside"}
    CheckInAttempt.objects.create(
        session=lesson,
        student=in_campus.student,
        nonce="phone",
        method=Method.QR,
        outcome=Outcome.ACCEPTED,
        factors={"location": {**place, "detail": {"distance": "over_1_km"}}},
        redeemed_at=now,
        received_at=now,
    )
    assert punch(door, CARDS["STUD"], now + MINUTE).status == "counted"
    assert punch(door, CARDS["MATE"], now + MINUTE).status == "counted"
    findings_find(session=lesson, now=now + 5 * MINUTE)
    assert list(Finding.objects.order_by("kind").values_list("student__code", "kind")) == [
        ("STUD", "card_and_phone"),
        ("STUD", "far_away"),
    ]


# --- Cards -----------------------------------------------------------------------------------


def test_numbers_of_cards_are_kept_nowhere(in_campus: Cast, now: datetime) -> None:
    give_card(in_campus.student, "04:A2:1F:77", now=now)
    give_card(in_campus.student, "04a21f77", now=now)
    card = Card.objects.get()
    assert len(bytes(card.digest)) == 32
    assert "04A21F77" not in repr(list(Entry.objects.values()) + list(Card.objects.values()))
    assert CardKey.objects.count() == 1
    with pytest.raises(Refused, match="somebody else"):
        give_card(in_campus.classmate, "04A21F77", now=now)
    with pytest.raises(Invalid):
        give_card(in_campus.classmate, " : ", now=now)


def test_the_same_number_is_another_hash_on_another_campus(
    cast: Cast, other_cast: Cast, now: datetime
) -> None:
    digests = []
    for one in (cast, other_cast):
        with campus_scope(one.campus):
            give_card(one.student, "123456", now=now)
            digests.append(bytes(Card.objects.get().digest))
    assert digests[0] != digests[1]


def test_a_card_that_changes_hands_counts_for_whose_it_was(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    lesson = open_lesson(in_campus, now=now)
    number = CARDS["STUD"]
    cards_revoke(cards=Card.objects.filter(student=in_campus.student), now=now, actor=OFFICE)
    gone = punch(door, number, now + MINUTE)
    assert statuses(gone) == [("queued", "revoked_card")]
    card_add(student=in_campus.classmate, number=number, now=now + MINUTE, actor=OFFICE)
    punch(door, number, now - MINUTE, now=now + 5 * MINUTE)
    punch(door, number, now + 3 * MINUTE)
    assert register(lesson) == {"STUD": ("present", 0), "MATE": ("present", 3)}


# --- Deciding --------------------------------------------------------------------------------


def test_a_queued_punch_is_assigned_or_put_aside_once(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    lesson = open_lesson(in_campus, now=now)
    unknown = punch(door, "777777", now + MINUTE)
    with pytest.raises(Refused, match="Add it to its student"):
        punch_assign(punch=unknown, session=lesson, now=now, actor=OFFICE)
    give_card(in_campus.student, "777777", now=now)
    decided = punch_assign(punch=unknown, session=lesson, now=now + 9 * MINUTE, actor=OFFICE)
    assert (decided.status, decided.decided_by) == ("counted", OFFICE.label)
    assert register(lesson) == {"STUD": ("present", 1)}
    with pytest.raises(Refused, match="decided"):
        punch_assign(punch=unknown, session=lesson, now=now, actor=OFFICE)
    stranger = punch(door, CARDS["STRA"], now + MINUTE)
    with pytest.raises(Refused, match="not in the register"):
        punch_assign(punch=stranger, session=lesson, now=now, actor=OFFICE)
    aside = {"punches": [stranger], "now": now, "actor": OFFICE}
    assert [punches_put_aside(**aside), punches_put_aside(**aside)] == [1, 0]
    actions = set(Entry.objects.values_list("action", flat=True))
    assert {"terminals.punch.assigned", "terminals.punch.put_aside"} <= actions


def test_a_full_batch_asks_a_bounded_number_of_statements(
    in_campus: Cast, door: CardTerminal, now: datetime
) -> None:
    """Nine for each that counts, whatever their number; none for each of the others."""
    students = [make_student(f"B{n:03d}") for n in range(12)]
    for n, student in enumerate(students):
        enroll(student, in_campus.course)
        give_card(student, f"55{n:04d}", now=now)
    open_lesson(in_campus, now=now)

    def statements(numbers: range) -> int:
        batch = [
            PunchInput(key=f"k{n}", card=f"55{n:04d}", read_at=now + MINUTE) for n in numbers
        ] + [PunchInput(key=f"x{n}", card=f"66{n:04d}", read_at=now) for n in numbers]
        with CaptureQueriesContext(connection) as asked:
            punches_take(terminal=door, punches=batch, now=now + MINUTE)
        return len(asked)

    statements(range(1))
    few, many = statements(range(1, 3)), statements(range(3, 12))
    assert (many - few) / 7 <= 6
