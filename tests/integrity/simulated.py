"""Made-up classes for the findings: honest ones, and honest ones with cheats among them.

All numbers are assumptions about phones, networks and people, chosen on the unfriendly side; they
stand here in one place and in docs/attacks.md. Seconds throughout, seeded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from apps.integrity.detectors import Arrival, BoundKey, Seen
from apps.qr_otp.tokens import QR_GRACE, QR_PERIOD, RAPID_WITHIN_MS

START = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
EXPIRES_S = QR_PERIOD * (1 + QR_GRACE)  # after that long no code is accepted any more
SIZE = 60
SESSIONS = 12
NETWORK_S = 0.25  # median; log-normal
PHONE_SIGMA = 0.6  # a phone with a bad connection is slow every time
REQUEST_SIGMA = 0.5
OFFLINE_SHARE = 0.05
WRONG_CLOCK_SHARE = 0.1  # of the phones that come offline
OTHER_DEVICE_SHARE = 0.01  # new phones, broken apps
WRONG_FIX_SHARE = 0.01  # sharp by its own word, and far away
NO_FIX_SHARE = 0.2
FRIENDS_SHARE = 0.3  # come through the door with a friend, most of the time
RUSH_S = 20.0  # spread of a class's scans around the moment the code appears
FRIENDS_S = 8.0  # spread between two friends
BROWSER_SHARE = 0.8  # the others have an app
NEW_BROWSER_SHARE = 0.5  # bound that day: a first day of term, and private windows
MODELS = ((0.2, "a"), (0.2, "b"), (0.15, "c"), (0.15, "d"), (0.1, "e"), (0.1, "f"), (0.1, "g"))
NEW_PHONE_SHARE = 0.02  # of the students in a week
PRIVATE_SHARE = 0.02  # bind again and again, because their browser forgets
PASSKEY_SHARE = 0.6
SYNCED_SHARE = 0.9  # of the passkeys: what phones make by themselves
AGAIN_SHARE = 0.1  # send once more, because the network broke off
MISSED_CODE_SHARE = 0.03  # hands shake, heads are in the way


@dataclass(frozen=True, kw_only=True)
class SimulatedClass:
    """One class: the attempts of its last session, who arrived when in all of them, and how fast
    each phone's connection is (1 is the median)."""

    seen: list[Seen]
    arrivals: list[Arrival]
    connections: dict[int, float]


def connection(random: Random) -> float:
    return random.lognormvariate(0, PHONE_SIGMA)


def network(random: Random, quality: float) -> float:
    return NETWORK_S * quality * random.lognormvariate(0, REQUEST_SIGMA)


def honest_delay(random: Random, quality: float) -> float | None:
    """From the start of the code's window to its redeem: scanned at any moment of the window.

    None where the network was so slow that the code had expired: such a student scans again.
    """
    delay = random.uniform(0, QR_PERIOD) + network(random, quality)
    return delay if delay < EXPIRES_S else None


def honest_seen(random: Random, student_id: int, quality: float) -> list[Seen]:
    delay = None
    while delay is None:
        delay = honest_delay(random, quality)
    offline = random.random() < OFFLINE_SHARE
    drift = random.uniform(0, QR_PERIOD)
    if random.random() < WRONG_CLOCK_SHARE:
        drift += random.gauss(0, 120)
    sharp = random.random() > NO_FIX_SHARE
    model = random.choices([name for _, name in MODELS], [share for share, _ in MODELS])[0]
    in_browser = random.random() < BROWSER_SHARE
    is_new = in_browser and random.random() < NEW_BROWSER_SHARE
    at = START + timedelta(seconds=random.gauss(0, RUSH_S))
    seen = Seen(
        student_id=student_id,
        delay_ms=None if offline else round(delay * 1000),
        drift_s=drift if offline else None,
        latitude=Decimal(f"{52.516 + random.gauss(0, 2e-4):.8f}") if sharp else None,
        longitude=Decimal(f"{13.377 + random.gauss(0, 2e-4):.8f}") if sharp else None,
        accuracy_m=random.uniform(5, 60) if sharp else None,
        at=at,
        address="192.0.2.1",
        agent=model,
        screen=model,
        browser_bound_at=at - timedelta(minutes=1 if is_new else 90_000) if in_browser else None,
        far="under_1_km" if sharp and random.random() < WRONG_FIX_SHARE else "",
    )
    if random.random() < OTHER_DEVICE_SHARE:
        return [replace(seen, accepted=False, reason="other_device"), seen]
    return [seen]


def honest_keys(random: Random, students: Iterable[int]) -> list[BoundKey]:
    """One each; some have a new phone, and those in private windows have had some."""
    keys = []
    for student_id in students:
        ages = [timedelta(days=60)]
        if random.random() < NEW_PHONE_SHARE:
            ages.append(timedelta(hours=random.uniform(0, 7 * 24)))
        short = 3 if random.random() < PRIVATE_SHARE else 0
        ages += [timedelta(days=14 * n + 3) for n in range(short)]
        newest = min(ages)
        keys += [
            BoundKey(
                student_id=student_id,
                bound_at=START - age,
                released=age != newest,
                sessions=20 if age.days == 60 else 1,
            )
            for age in ages
        ]
    return keys


def second_window(random: Random, seen: Seen, student_id: int) -> Seen:
    """The same phone, signed in as somebody else in a private window."""
    assert seen.at is not None
    assert seen.latitude is not None
    at = seen.at + timedelta(seconds=random.uniform(15, 55))
    jitter = Decimal(f"{random.uniform(1e-8, 1e-5):.8f}")  # asked anew: at most a metre
    return replace(
        seen,
        student_id=student_id,
        at=at,
        latitude=seen.latitude + jitter,
        browser_bound_at=at - timedelta(seconds=10),
    )


def honest_arrivals(random: Random, students: range) -> list[Arrival]:
    """All behind one address, as in a hall; every third comes with a friend."""
    arrivals = []
    for session_id in range(SESSIONS):
        came: dict[int, float] = {}
        for student_id in students:
            friend = came.get(student_id - 1)
            together = friend is not None and (student_id % 7) < FRIENDS_SHARE * 7
            moment = random.gauss(0, RUSH_S)
            if together and friend is not None and random.random() < 0.8:
                moment = friend + random.gauss(0, FRIENDS_S)
            came[student_id] = moment
        arrivals += [_arrival(session_id, *one) for one in came.items() if random.random() < 0.9]
    return arrivals


def _arrival(session_id: int, student_id: int, seconds: float) -> Arrival:
    at = START + timedelta(days=session_id, seconds=seconds)
    return Arrival(session_id=session_id, student_id=student_id, at=at, address="192.0.2.1")


def honest_class(random: Random, first: int = 0) -> SimulatedClass:
    students = range(first, first + SIZE)
    connections = {student_id: connection(random) for student_id in students}
    seen = [one for pair in connections.items() for one in honest_seen(random, *pair)]
    arrivals = honest_arrivals(random, students)
    return SimulatedClass(seen=seen, arrivals=arrivals, connections=connections)


def two_phones(random: Random, arrivals: list[Arrival], carrier: int, absent: int) -> list[Arrival]:
    """`carrier` scans with both phones, one right after the other, whenever both are "there"."""
    times = {a.session_id: a.at for a in arrivals if a.student_id == carrier}
    return [
        replace(a, at=times[a.session_id] + timedelta(seconds=random.uniform(1, 2.8)))
        if a.student_id == absent and a.session_id in times
        else a
        for a in arrivals
    ]


def relayed_delay(random: Random, least_s: float, most_s: float) -> float | None:
    """A code that travels first: None where it has expired on the way."""
    delay = random.uniform(0, QR_PERIOD) + random.uniform(least_s, most_s)
    delay += network(random, connection(random))
    return delay if delay < EXPIRES_S else None


def codes_in_time(random: Random, quality: float, *, relay_s: tuple[float, float] = (0, 0)) -> int:
    """How many of five one-second codes a phone redeems within 1.5 s.

    The projector shows a code 0.05 to 0.25 s after its start, the camera needs 0.05 to 0.35 s.
    """
    relay = random.uniform(*relay_s)
    in_time = 0
    for _code in range(5):
        seen_after = random.uniform(0.05, 0.25) + random.uniform(0.05, 0.35)
        delay = seen_after + relay + network(random, quality)
        missed = random.random() < MISSED_CODE_SHARE
        in_time += not missed and delay * 1000 <= RAPID_WITHIN_MS
    return in_time


def honest_passkeys(random: Random, seen: Iterable[Seen]) -> list[Seen]:
    """The same class, a part of it with passkeys. Some try again within minutes, from the same
    phone, which has gone from the campus's network to its own in between."""
    attempts = []
    for one in seen:
        if random.random() >= PASSKEY_SHARE:
            attempts.append(one)
            continue
        used = replace(one, passkey=one.student_id, copyable=random.random() < SYNCED_SHARE)
        attempts.append(used)
        if random.random() < AGAIN_SHARE and used.at is not None:
            again = used.at + timedelta(seconds=random.uniform(3, 240))
            attempts.append(replace(used, at=again, address=f"198.51.100.{random.randrange(250)}"))
    return attempts
