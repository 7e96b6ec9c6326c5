"""What is found, and who is flagged wrongly: thresholds over simulated classes."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from apps.checkin.rapid_codes import NEEDED
from apps.integrity.detectors import DetectedFinding, Seen, findings_of, flagged
from apps.integrity.models import FindingKind
from tests.integrity.simulated import (
    SIZE,
    codes_in_time,
    connection,
    honest_class,
    relayed_delay,
    two_phones,
)

CLASSES = 167  # of 60: ten thousand students
SEED = 20260914
CHAT_S = (4.0, 15.0)  # photograph, send, open, scan
VIDEO_S = (1.5, 4.0)  # a group call on mobile networks, scanned from a second screen


def by_student(found: Iterable[DetectedFinding]) -> dict[int, set[str]]:
    kinds: dict[int, set[str]] = {}
    for one in found:
        kinds.setdefault(one.student_id, set()).add(one.kind)
    return kinds


def test_at_most_one_in_a_hundred_honest_students_is_flagged() -> None:
    random = Random(SEED)
    wronged = 0
    slow = 0
    for number in range(CLASSES):
        honest = honest_class(random, first=number * SIZE)
        kinds = by_student(findings_of(honest.seen, honest.arrivals))
        for student_id in range(number * SIZE, (number + 1) * SIZE):
            challenge = FindingKind.RAPID_CODE_PASSED
            if codes_in_time(random, honest.connections[student_id]) < NEEDED:
                challenge = FindingKind.RAPID_CODE_FAILED
            noticed = kinds.get(student_id, set())
            slow += FindingKind.SLOW_REDEEM in noticed
            wronged += flagged(noticed) or flagged({*noticed, challenge})
    assert CLASSES * SIZE >= 10_000
    assert wronged <= 0.01 * CLASSES * SIZE, wronged
    assert slow > 0  # they do happen: that is why they need a second finding


def test_honest_phones_keep_up_with_a_challenge() -> None:
    random = Random(SEED)
    failed = sum(codes_in_time(random, connection(random)) < NEEDED for _student in range(10_000))
    assert failed <= 0.05 * 10_000, failed  # and nobody is flagged for that alone


def relayed(delays: list[float | None]) -> list[Seen]:
    """The accepted ones, as students without a position: they switched it off."""
    return [
        Seen(student_id=10_000 + n, delay_ms=round(delay * 1000))
        for n, delay in enumerate(delays)
        if delay is not None
    ]


def test_a_code_that_travels_by_chat_expires_or_is_slow_and_fails_the_challenge() -> None:
    random = Random(SEED)
    cheats = caught = 0
    for _class in range(100):
        seen = honest_class(random).seen
        delays = [relayed_delay(random, *CHAT_S) for _cheat in range(3)]
        kinds = by_student(findings_of([*seen, *relayed(delays)], []))
        for n, delay in enumerate(delays):
            cheats += 1
            noticed = kinds.get(10_000 + n, set())
            if codes_in_time(random, connection(random), relay_s=CHAT_S) < NEEDED:
                noticed = {*noticed, FindingKind.RAPID_CODE_FAILED}
            caught += delay is None or flagged(noticed)
    assert caught >= 0.9 * cheats, (caught, cheats)


def test_a_video_call_fails_the_challenge() -> None:
    """Flagged only with a second finding, like a slow redeem or a position far away."""
    random = Random(SEED)
    failed = sum(
        codes_in_time(random, connection(random), relay_s=VIDEO_S) < NEEDED for _try in range(2_000)
    )
    assert failed >= 0.99 * 2_000, failed
    assert flagged({FindingKind.RAPID_CODE_FAILED, FindingKind.FAR_AWAY})
    assert not flagged({FindingKind.RAPID_CODE_FAILED})


def test_one_person_with_two_phones_is_found_within_a_term() -> None:
    random = Random(SEED)
    found = 0
    for _class in range(50):
        honest = honest_class(random)
        arrivals = two_phones(random, honest.arrivals, carrier=10, absent=40)
        kinds = by_student(findings_of(honest.seen, arrivals))
        found += all(FindingKind.TOGETHER in kinds.get(n, set()) for n in (10, 40))
    assert found >= 0.9 * 50, found


def test_copied_positions_and_shared_devices_are_always_found() -> None:
    random = Random(SEED)
    for _class in range(50):
        seen = honest_class(random).seen
        model = next(one for one in seen if one.latitude is not None)
        copy = replace(model, student_id=10_000)
        shared = Seen(student_id=10_001, accepted=False, signed_by=model.student_id)
        kinds = by_student(findings_of([*seen, copy, shared], []))
        assert flagged(kinds[10_000])
        assert flagged(kinds[10_001])
        assert flagged(kinds[model.student_id])
