"""What is found, and who is flagged wrongly: thresholds over simulated classes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

from apps.checkin.rapid_codes import NEEDED
from apps.integrity.detectors import BoundKey, DetectedFinding, Seen, findings_of, flagged
from apps.integrity.models import FindingKind
from tests.integrity.simulated import (
    SIZE,
    START,
    codes_in_time,
    connection,
    honest_class,
    honest_keys,
    honest_passkeys,
    relayed_delay,
    second_window,
    two_phones,
)

CLASSES = 167  # of 60: ten thousand students
SEED = 20260914
CHAT_S = (4.0, 15.0)  # photograph, send, open, scan
FAR_NORTH = Decimal("0.09")  # degrees: 10 km
VIDEO_S = (1.5, 4.0)  # a group call on mobile networks, scanned from a second screen


def by_student(found: Iterable[DetectedFinding]) -> dict[int, set[str]]:
    kinds: dict[int, set[str]] = {}
    for one in found:
        kinds.setdefault(one.student_id, set()).add(one.kind)
    return kinds


def test_at_most_one_in_a_hundred_honest_students_is_flagged() -> None:
    random, passkeys = Random(SEED), Random(SEED + 1)
    wronged = 0
    slow = 0
    for number in range(CLASSES):
        honest = honest_class(random, first=number * SIZE)
        keys = honest_keys(random, honest.connections)
        seen = honest_passkeys(passkeys, honest.seen)
        kinds = by_student(findings_of(seen, honest.arrivals, keys))
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


def test_two_windows_of_one_phone_are_found_and_flagged_with_a_second_finding() -> None:
    random = Random(SEED)
    for _class in range(50):
        seen = honest_class(random).seen
        mine = next(
            one for one in seen if one.latitude is not None and one.browser_bound_at is not None
        )
        assert mine.at is not None
        first = replace(mine, browser_bound_at=mine.at)
        other = second_window(random, first, student_id=10_000)
        kinds = by_student(findings_of([*seen, first, other], []))
        assert FindingKind.SAME_BROWSER in kinds[10_000]
        assert FindingKind.SAME_BROWSER in kinds[mine.student_id]
    assert not flagged({FindingKind.SAME_BROWSER})
    assert flagged({FindingKind.SAME_BROWSER, FindingKind.DEVICE_CHANGED})


def test_a_passkey_in_two_places_at_once_is_found_and_flagged_with_a_second_finding() -> None:
    """One that is shared with a friend far away, and one that a friend beside uses on a laptop."""
    random = Random(SEED)
    for _class in range(50):
        seen = honest_passkeys(random, honest_class(random).seen)
        mine = next(one for one in seen if one.passkey is not None and one.latitude is not None)
        assert mine.at is not None
        assert mine.latitude is not None
        mine = replace(mine, copyable=True)
        later = mine.at + timedelta(seconds=random.uniform(5, 200))
        far = replace(mine, at=later, latitude=mine.latitude + FAR_NORTH, address="203.0.113.9")
        beside = replace(mine, at=later, agent="another", address="203.0.113.9")
        for other in (far, beside):
            for found in (
                findings_of([*seen, mine, other], []),
                findings_of([mine], [], (), [other]),
            ):
                assert FindingKind.SYNCED_PASSKEY in by_student(found)[mine.student_id]
        assert not findings_of(
            [replace(mine, copyable=False)], [], (), [replace(far, copyable=False)]
        )
    assert not flagged({FindingKind.SYNCED_PASSKEY})
    assert flagged({FindingKind.SYNCED_PASSKEY, FindingKind.SLOW_REDEEM})


def test_a_device_that_was_changed_for_a_class_is_found_and_flagged_with_a_second_finding() -> None:
    """A friend's phone, bound for this class by a passkey or by asking for it two days ahead."""
    random = Random(SEED)
    for _class in range(50):
        seen = honest_class(random).seen
        mine = next(one for one in seen if one.accepted and one.at is not None)
        assert mine.at is not None
        own = BoundKey(
            student_id=mine.student_id,
            bound_at=START - timedelta(days=60),
            released=True,
            sessions=20,
        )
        lent = replace(
            own,
            bound_at=mine.at - timedelta(hours=random.uniform(0, 48)),
            released=False,
            sessions=0,
        )
        before = replace(lent, bound_at=mine.at - timedelta(hours=49))
        kinds = by_student(findings_of(seen, [], [own, lent]))
        assert FindingKind.DEVICE_CHANGED in kinds[mine.student_id]
        kinds = by_student(findings_of(seen, [], [own, before]))
        assert FindingKind.DEVICE_CHANGED not in kinds.get(mine.student_id, set())
    assert not flagged({FindingKind.DEVICE_CHANGED})
    assert flagged({FindingKind.DEVICE_CHANGED, FindingKind.SAME_BROWSER})


def test_a_key_for_each_class_is_a_flag_from_the_third_on() -> None:
    """Each one was bound shortly before its class, and served for that one alone."""
    keys = [
        BoundKey(
            student_id=1,
            bound_at=START - timedelta(days=7 * week, hours=1),
            released=week > 0,
            sessions=1,
        )
        for week in range(3)
    ]
    seen = [Seen(student_id=1, at=START)]
    assert not flagged(by_student(findings_of(seen, [], keys[:2]))[1])
    assert flagged(by_student(findings_of(seen, [], keys))[1])


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
