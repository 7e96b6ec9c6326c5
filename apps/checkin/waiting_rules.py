"""When a check-in waits for the lecturer: late or missing evidence is not the easy way. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from apps.attendance.models import ASKING, FaceUse, PersonUse
from apps.biometrics.reasons import Undecided
from apps.checkin.factors import face_use
from apps.checkin.factors.base import FactorResult, JudgedSession
from apps.checkin.factors.passkeys import person_use
from apps.checkin.models import CheckInAttempt, Method, Outcome, Reason
from apps.checkin.scoring import judge
from apps.liveness.reasons import TurnProblem

PHOTO_TRIES: Final = 3  # photos that one ticket takes
WAITING_HOURS: Final = 48  # of a session that was opened before policies knew the hours
OFFLINE_LIMIT: Final = 2  # the same
# Why a face is not the student's to show: it is left out, and the rest weighs as much more.
NOT_THEIRS: Final = frozenset(
    {Undecided.NO_CONSENT, Undecided.FACE_DISABLED, Undecided.NO_TEMPLATES}
)
# What another photo may mend, as long as the ticket takes one.
MENDED_BY_PHOTO: Final = frozenset(
    {
        Reason.NO_PHOTO,
        Reason.PHOTO_UNCLEAR,
        Reason.ENROLLED_PHOTO,
        Reason.OTHERS_PHOTO,
        Reason.PHOTO_USED,
        Reason.NOT_LIVE,
        Reason.LIVE_UNCLEAR,
    }
)
SEEN_BEFORE: Final[dict[str, Reason]] = {
    "enrolled": Reason.ENROLLED_PHOTO,
    "others": Reason.OTHERS_PHOTO,
    "own": Reason.PHOTO_USED,
}
Results = Mapping[str, FactorResult]


def tries_left(attempt: CheckInAttempt) -> int:
    """How many more photos may be sent with the ticket of this attempt, because it needs one."""
    asked = attempt.outcome in (Outcome.WAITING, Outcome.REFUSED) and not attempt.offline
    if not asked or attempt.reason not in MENDED_BY_PHOTO:
        return 0
    return max(0, PHOTO_TRIES - attempt.photo_try)


def counted(results: Results, *, policy: Mapping[str, Any], method: str) -> dict[str, FactorResult]:
    """The factors that count: without a face that could not be compared and need not be.

    That is one that is not the student's to show, and, where faces are preferred, one of a student
    whom the lecturer saw and told a code. The phone's own check, where it is not asked of
    everybody, counts if it was done: sending none must not be worth more or less than before.
    """
    person = results.get("person")
    if person is not None and not person.passed and person_use(policy) == PersonUse.BONUS:
        results = {name: result for name, result in results.items() if name != "person"}
    face = results.get("face")
    told = method == Method.OTP and face_use(policy) == FaceUse.PREFERRED
    if face is None or face.passed is not None or not (told or face.reason in NOT_THEIRS):
        return dict(results)
    return {name: result for name, result in results.items() if name != "face"}


def face_wait(
    results: Results, *, policy: Mapping[str, Any], method: str, face_agreed: bool
) -> str:
    """Why a check-in with these factors waits because of the face; "" when it does not.

    Another face than the enrolled one waits too where it is not decisive (and is refused where it
    is): a wrong photo must not be worth more than none.
    """
    use = face_use(policy)
    if use not in ASKING:
        return ""
    face = results.get("face")
    if face is None:
        lacks = use == FaceUse.REQUIRED and face_agreed
        return Reason.NOT_ENROLLED_FACE if lacks else ""
    if face.passed:
        return ""
    if face.reason in TurnProblem.values:
        return Reason.LIVE_UNCLEAR
    return Reason.NO_PHOTO if face.reason == "no_selfie" else Reason.PHOTO_UNCLEAR


def person_wait(results: Results) -> str:
    """Why a check-in waits because the phone did not check its user; "" when it does not.

    Of what counts: where the check is a bonus, one that was not done is not among it.
    """
    person = results.get("person")
    return "" if person is None or person.passed else Reason.NO_PERSON


def face_is_missing(results: Results, *, policy: Mapping[str, Any], method: str) -> bool:
    """Whether a face that the policy asks for is left out, of a student whom nobody has seen."""
    return face_use(policy) in ASKING and "face" not in results and method != Method.OTP


def would_count(results: Results, *, policy: Mapping[str, Any], scale: Any) -> bool:
    """Whether the check-in counts if the lecturer says what face and phone would have said."""
    seen = {name: FactorResult(passed=True) for name in ("face", "person") if name in results}
    return not judge(policy, {**results, **seen}, scale=scale).reason


def place_proven(results: Results) -> bool:
    """Inside the fence, or within hearing of a beacon."""
    proofs = (results.get("location"), results.get("bluetooth"))
    return any(proof is not None and proof.passed is True for proof in proofs)


def wait(attempt: CheckInAttempt, session: JudgedSession, *, reason: str, now: datetime) -> None:
    """Let an attempt wait (not yet saved): some hours from the end of the session, or from now."""
    hours = session.policy.get("waiting_hours", WAITING_HOURS)
    attempt.outcome, attempt.reason, attempt.settled_at = Outcome.WAITING, reason, None
    attempt.waits_until = max(session.ends_at, now) + timedelta(hours=hours)
