"""Who takes part, and what has to come of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from apps.demo.simulation import acts
from apps.demo.simulation.acts import Act

LATE_AFTER_S: Final = 61.0  # seconds after the opening; the simulated course's limit is a minute
FULL, LOWER = "1.00", "<1.00"
YES, NO, UNKNOWN, NOT_ASKED = "✓", "✗", "?", "–"
BY_HAND: Final = "present by hand"
NOT_LISTED: Final = "not listed"
NOTHING_SENT: Final = "nothing sent"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """`answer`: what the phone was told last; `register`: where the student stands in the end.

    `factors`: what those that matter said (✓, ✗, ? could not tell, – not asked); `score`: the
    full one or less.
    """

    answer: str = NOTHING_SENT
    register: str
    factors: Mapping[str, str] = field(default_factory=dict)
    score: str = ""

    def words(self) -> str:
        parts = [self.answer, self.register, *(f"{k} {v}" for k, v in self.factors.items())]
        return "; ".join(filter(None, [*parts, self.score]))


@dataclass(frozen=True, kw_only=True)
class SimulatedRole:
    """One student of the class.

    `face`: "own" shows the enrolled face where portraits suffice, "needed" cannot be played
    without one, "another" needs a second one too, "" has not consented. `accepted`: the check-in
    waits, and the lecturer accepts it.
    """

    key: str
    name: str
    does: str
    expected: Expected
    act: Act | None = None
    face: str = "own"
    after_s: float = 0.0
    enrolled: bool = True
    marked_by_hand: bool = False
    accepted: bool = False


PRESENT: Final = Expected(
    answer="accepted", register="present", factors={"face": YES, "location": YES}, score=FULL
)
# A browser cannot listen for beacons.
IN_BROWSER: Final = replace(
    PRESENT, factors={"face": NOT_ASKED, "location": YES, "bluetooth": UNKNOWN}, score=LOWER
)
REFUSED: Final = Expected(answer="refused bad_signature", register="absent")

PARTS: Final = (
    SimulatedRole(
        key="TEXT",
        name="Farah Qureshi",
        does="types the text code",
        act=acts.by_text_code,
        expected=replace(PRESENT, score=LOWER),
    ),
    SimulatedRole(
        key="OTP",
        name="Gustav Nyström",
        does="gets a one-time code, has no camera",
        act=acts.by_one_time_code,
        expected=replace(PRESENT, score=LOWER),
    ),
    SimulatedRole(
        key="LATE",
        name="Lorenzo Basile",
        does="scans a minute later",
        act=acts.honest,
        after_s=LATE_AFTER_S,
        expected=replace(PRESENT, register="late"),
    ),
    SimulatedRole(
        key="OUTSIDE",
        name="Oksana Melnyk",
        does="is 400 m outside the fence",
        act=acts.outside,
        expected=replace(PRESENT, factors={"face": YES, "location": NO}, score=LOWER),
    ),
    SimulatedRole(
        key="VAGUE",
        name="Valentin Dupuis",
        does="has a fix good to 350 m",
        act=acts.vague,
        expected=replace(PRESENT, factors={"face": YES, "location": UNKNOWN}, score=LOWER),
    ),
    SimulatedRole(
        key="NOFACE",
        name="Nadia Farouk",
        does="never agreed to faces",
        act=acts.honest,
        face="",
        expected=replace(PRESENT, factors={"face": NOT_ASKED, "location": YES}),
    ),
    SimulatedRole(
        key="IMPOSTOR",
        name="Ivan Petrov",
        does="lent the phone: another face",
        act=acts.other_face,
        face="another",
        expected=Expected(
            answer="refused face_mismatch", register="invalid", factors={"face": NO}, score=LOWER
        ),
    ),
    SimulatedRole(
        key="BLURRED",
        name="Beatriz Salgado",
        does="sends a selfie without a face",
        act=acts.blurred_face,
        face="needed",
        accepted=True,
        expected=replace(
            PRESENT,
            answer="waiting photo_unclear",
            factors={"face": UNKNOWN, "location": YES},
            score=LOWER,
        ),
    ),
    SimulatedRole(
        key="COPIED",
        name="Cosima Reuter",
        does="sends the enrolled photo, then a new one",
        act=acts.enrolled_photo,
        face="needed",
        expected=replace(PRESENT, answer="refused enrolled_photo, accepted"),
    ),
    SimulatedRole(
        key="STOLEN",
        name="Stefan Krüger",
        does="redeems a code of a minute ago",
        act=acts.stolen_code,
        face="",
        after_s=LATE_AFTER_S,
        expected=Expected(answer="410 expired_code", register="absent"),
    ),
    SimulatedRole(
        key="FORGED",
        name="Fergus Doyle",
        does="redeems a forged code",
        act=acts.forged_code,
        face="",
        expected=Expected(answer="400 forged_code", register="absent"),
    ),
    SimulatedRole(
        key="SIGNED",
        name="Sakura Ishida",
        does="signs with another phone's key",
        act=acts.other_signature,
        face="",
        expected=REFUSED,
    ),
    SimulatedRole(
        key="TAMPERED",
        name="Tendai Moyo",
        does="changes the evidence after signing",
        act=acts.tampered,
        face="",
        expected=REFUSED,
    ),
    SimulatedRole(
        key="STRANGER",
        name="Selma Aydın",
        does="is not enrolled in the course",
        act=acts.honest,
        face="",
        enrolled=False,
        expected=Expected(answer="403 not_enrolled", register=NOT_LISTED),
    ),
    SimulatedRole(
        key="RETRY",
        name="Rukmini Iyer",
        does="sends the same check-in twice",
        act=acts.retried,
        expected=replace(PRESENT, answer="accepted, same attempt", factors={}),
    ),
    SimulatedRole(
        key="TWOPHONES",
        name="Thandiwe Dube",
        does="tries to bind a second phone",
        act=acts.two_phones,
        expected=replace(PRESENT, answer="409 device_already_bound, accepted", factors={}),
    ),
    SimulatedRole(
        key="FORGOT",
        name="Felix Aubert",
        does="forgot the phone, marked by hand",
        face="",
        marked_by_hand=True,
        expected=Expected(register=BY_HAND),
    ),
    SimulatedRole(
        key="MISSING",
        name="Mikael Hansen",
        does="does not come",
        face="",
        expected=Expected(register="absent"),
    ),
)
CLASSMATES: Final = (
    "Adaeze Obi", "Bruno Castel", "Chloé Marchand", "Dmitri Orlov", "Esther Wanjiru",
    "Giulia Ferrante", "Hassan Mirza", "Ines Carvalho", "Jakub Zieliński", "Keiko Tanabe",
    "Liam Gallagher", "Mariana Pinto", "Nikhil Bose", "Olga Sidorova", "Paolo Ricci",
    "Quynh Pham", "Ruth Mbeki", "Soraya Nazari", "Theo Lambert", "Uma Pillai",
)  # fmt: skip
LEAST: Final = len(PARTS) + 1


def class_of(students: int, *, quick: bool = False) -> list[SimulatedRole]:
    """The whole cast: everybody on time, as many as are asked for, and the parts above.

    `quick`: without those who act a minute after the opening.
    """
    parts = [part for part in PARTS if not (quick and part.after_s)]
    on_time = [
        SimulatedRole(
            key=f"{number:03d}",
            name=CLASSMATES[(number - 1) % len(CLASSMATES)],
            does="on time, with everything",
            act=acts.honest,
            expected=PRESENT,
        )
        for number in range(1, students - len(parts) + 1)
    ]
    return [*on_time, *parts]


def in_browsers(roles: Sequence[SimulatedRole], number: int) -> list[SimulatedRole]:
    """The first `number` of those who are on time open the page in a browser, without a face."""
    return [
        replace(
            role,
            act=acts.by_browser,
            does="opens the link in Chromium",
            face="",
            expected=IN_BROWSER,
        )
        if index < number
        else role
        for index, role in enumerate(roles)
    ]


def without_face(role: SimulatedRole) -> SimulatedRole:
    """The same part where no portrait is left: it counts the same without a face."""
    known = role.expected.factors
    factors = {name: NOT_ASKED if name == "face" else said for name, said in known.items()}
    return replace(role, face="", expected=replace(role.expected, factors=factors))
