"""A check-in's score in one line that a student understands."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.checkin.models import CheckInAttempt, FaceState, Outcome, Reason
from apps.liveness.reasons import ADVICE as TURN_ADVICE
from apps.liveness.reasons import TurnProblem

PROVEN: Final = "✓"

NAMES: Final[dict[str, Any]] = {
    "qr": gettext_lazy("QR"),
    "device": gettext_lazy("device"),
    "location": gettext_lazy("location"),
    "bluetooth": gettext_lazy("beacon"),
    "face": gettext_lazy("face"),
    "person": gettext_lazy("the phone's own check"),
}
TYPED: Final[dict[str, Any]] = {
    "by_text": gettext_lazy("typed code"),
    "by_otp": gettext_lazy("code told to this student"),
    "by_class_code": gettext_lazy("code told to the class"),
    "passkey": gettext_lazy("passkey"),
    "by_card": gettext_lazy("card"),
    "by_kiosk": gettext_lazy("code told to this student, typed at the kiosk"),
}

# What a factor found when it was not proven, by its reason. The others say "unknown" or "failed".
UNPROVEN: Final[dict[str, Any]] = {
    "no_device": gettext_lazy("not bound"),
    "other_device": gettext_lazy("another device"),
    "bad_signature": gettext_lazy("signature does not fit"),
    "no_passkey": gettext_lazy("not confirmed with a passkey"),
    "bad_passkey": gettext_lazy("passkey does not fit"),
    "passkey_too_new": gettext_lazy("passkey too new"),
    "synced_passkey": gettext_lazy("passkey may be on several devices"),
    "no_assertion": gettext_lazy("not sent"),
    "not_verified": gettext_lazy("not done"),
    "no_fix": gettext_lazy("not sent"),
    "fix_too_old": gettext_lazy("unknown (too old)"),
    "no_scan": gettext_lazy("not listened for"),
    "not_heard": gettext_lazy("not heard"),
    "no_selfie": gettext_lazy("not sent"),
    "not_matched": gettext_lazy("not matched"),
    "pending": gettext_lazy("being compared"),
    "not_compared": gettext_lazy("could not be compared"),
    "no_face": gettext_lazy("not seen in the photo"),
    "several_faces": gettext_lazy("not alone in the photo"),
    "face_too_small": gettext_lazy("too small in the photo"),
    "too_blurred": gettext_lazy("too blurred"),
    "too_dark": gettext_lazy("too dark"),
    "too_bright": gettext_lazy("too bright"),
    "turned_away": gettext_lazy("turned away"),
    "covered": gettext_lazy("covered"),
    "unclear": gettext_lazy("not seen clearly"),
    "too_many_failures": gettext_lazy("not compared after too many mismatches"),
    **{problem.value: problem.label for problem in TurnProblem},
}


# What a student may do next time, by what a factor found.
ADVICE: Final[dict[str, Any]] = {
    "by_text": gettext_lazy("Scan the QR code instead of typing: it counts a little more."),
    "by_class_code": gettext_lazy("Scan the QR code: a code for the whole class counts less."),
    "no_device": gettext_lazy("Bind this phone: then the check-in is yours alone."),
    "other_device": gettext_lazy("Use the phone that is bound to you."),
    "bad_signature": gettext_lazy("Use the phone that is bound to you."),
    "no_fix": gettext_lazy("Allow this page to see where you are."),
    "fix_too_old": gettext_lazy("Wait a moment for a fresh position."),
    "too_vague": gettext_lazy("Switch on precise location, and Wi-Fi: indoors it helps."),
    "outside": gettext_lazy("If you were in the room, switch on precise location and try again."),
    "no_selfie": gettext_lazy("Take the photo of your face when you are asked for it."),
    "no_face": gettext_lazy("Hold your face inside the oval."),
    "several_faces": gettext_lazy("Be alone in the photo."),
    "face_too_small": gettext_lazy("Come closer, until your face fills the oval."),
    "too_blurred": gettext_lazy("Hold the phone still."),
    "too_dark": gettext_lazy("Turn towards the light."),
    "too_bright": gettext_lazy("Turn away from the bright light."),
    "turned_away": gettext_lazy("Look straight into the camera."),
    "covered": gettext_lazy("Take off dark glasses and mask for the photo."),
    "unclear": gettext_lazy("Look into the camera in good light."),
    **TURN_ADVICE,
}


# What lecturers read where students read the reason's own words.
WAITS: Final[dict[str, Any]] = {
    Reason.PLACE_UNPROVEN: gettext_lazy("Sent later without network, and the place is not proven"),
    Reason.OFTEN_OFFLINE: gettext_lazy(
        "Sent later without network, more often than counts by itself"
    ),
    Reason.NO_PHOTO: gettext_lazy("No photo of the face was sent"),
    Reason.PHOTO_UNCLEAR: gettext_lazy("Face could not be compared"),
    Reason.LIVE_UNCLEAR: gettext_lazy("Face was not seen live"),
    Reason.NO_PERSON: gettext_lazy("The phone did not check face, finger or screen lock"),
    Reason.NOT_ENROLLED_FACE: gettext_lazy("Agreed to faces, but none is enrolled"),
    Reason.CARD_ALONE: gettext_lazy("A card was read, which can be lent"),
}


def explain(attempt: CheckInAttempt) -> str:
    """The score and what each factor said, in the reader's language.

    As in "0.62: QR ✓, device ✓, location unknown (accuracy 140 m), face not matched"; without
    factors, because the check-in could not be judged at all, the reason alone.
    """
    parts = [_factor(name, factor) for name, factor in attempt.factors.items()]
    if attempt.outcome == Outcome.PENDING and attempt.face_state == FaceState.PENDING:
        parts = [part for name, part in zip(attempt.factors, parts, strict=True) if name != "face"]
        parts.append(f"{NAMES['face']} {UNPROVEN['pending']}")
    if not parts:
        return str(Reason(attempt.reason).label) if attempt.reason else ""
    if attempt.offline:
        parts.append(_("sent later, scanned offline"))
    if attempt.decided_by and attempt.outcome == Outcome.ACCEPTED:
        parts.append(_("accepted by %(who)s") % {"who": attempt.decided_by})
    return f"{attempt.score:.2f}: {', '.join(parts)}"


def factor_lines(attempt: CheckInAttempt) -> list[dict[str, Any]]:
    """The same, one line for each factor: what it is called, what it said, and what would help."""
    return [_line(name, factor) for name, factor in attempt.factors.items()]


def _line(name: str, factor: Mapping[str, Any]) -> dict[str, Any]:
    reason, passed = factor.get("reason", ""), factor["passed"]
    proven = passed and reason not in ADVICE
    return {
        "factor": name,
        "name": str(TYPED.get(reason) or NAMES.get(name, name)),
        "passed": passed,
        "said": "" if passed else _unproven(reason, factor["detail"], passed=passed),
        "advice": "" if proven else str(ADVICE.get(reason, "")),
    }


def waiting_text(attempt: CheckInAttempt) -> str:
    """What a waiting check-in lacks, for the lecturer who decides."""
    reason = WAITS.get(attempt.reason, Reason(attempt.reason).label)
    face = attempt.factors.get("face", {}).get("reason", "")
    if attempt.reason == Reason.LIVE_UNCLEAR and face in UNPROVEN:
        return _("Face was not seen live: %(why)s") % {"why": UNPROVEN[face]}
    if attempt.reason == Reason.PHOTO_UNCLEAR and face in UNPROVEN:
        return _("Face could not be compared: %(why)s") % {"why": UNPROVEN[face]}
    return str(reason)


def _factor(name: str, factor: Mapping[str, Any]) -> str:
    reason, detail = factor.get("reason", ""), factor["detail"]
    label = str(TYPED.get(reason) or NAMES.get(name, name))
    if factor["passed"]:
        return f"{label} {PROVEN}"
    return f"{label} {_unproven(reason, detail, passed=factor['passed'])}"


def _unproven(reason: str, detail: Mapping[str, Any], *, passed: bool | None) -> str:
    if reason == "too_vague":
        return _("unknown (accuracy %(metres)s m)") % {"metres": detail.get("accuracy_m", "?")}
    if reason == "outside":
        return _("%(distance)s away") % {"distance": _distance(detail.get("distance", ""))}
    if reason in UNPROVEN:
        return str(UNPROVEN[reason])
    return _("unknown") if passed is None else _("failed")


def _distance(band: str) -> str:
    """The kept distance band in words; see `factors.location.BANDS`."""
    bands: dict[str, str] = {
        "under_50_m": _("less than 50 m"),
        "under_200_m": _("50 to 200 m"),
        "under_1_km": _("200 m to 1 km"),
        "over_1_km": _("more than 1 km"),
    }
    return bands.get(band, _("too far"))
