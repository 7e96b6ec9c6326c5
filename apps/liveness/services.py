"""Keeping frames and judging them. What needs a neural network runs in a `faces` worker."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Student
from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.comparing import held_templates, mean_distances
from apps.biometrics.models import FaceSample, StoredImage
from apps.biometrics.services.images import image_store, images_erase
from apps.biometrics.services.registry import InForce, ModelSwitched, in_force
from apps.biometrics.services.verification import limits_of_mean
from apps.biometrics.storage import read_image
from apps.common.crypto import SealBroken
from apps.liveness.judging import Decision, FrameSeen, Verdict, judge
from apps.liveness.models import LivenessCheck, LivenessFrame
from apps.liveness.reasons import SECOND_OPINION
from apps.liveness.turns import turns_of, turns_read, turns_text
from apps.liveness.wording import agreed_to_head_turns
from apps.privacy.selectors import HEAD_TURNS_DAYS

if TYPE_CHECKING:
    from apps.liveness.worker import FrameLook

KEPT_FOR: Final = timedelta(days=30)  # frames, or as long as the campus keeps selfies
KNOWN_FOR: Final = timedelta(days=HEAD_TURNS_DAYS)  # in which no frame may come a second time
ALIKE_FOR: Final = timedelta(minutes=10)
"""In which frames of one person are so much alike that only the very same files are copies: three
tries of one ticket."""


@dataclass(frozen=True, kw_only=True)
class SentFrame:
    """A frame as it is kept: a normalised JPEG. `turn` 0 is straight ahead."""

    jpeg: bytes
    turn: int
    at_ms: int


class Asking(Protocol):
    """What frames came with: a check-in's attempt."""

    @property
    def pk(self) -> Any: ...
    @property
    def student_id(self) -> int: ...
    @property
    def redeemed_at(self) -> datetime | None: ...  # when the ticket was issued, which tells turns


@transaction.atomic(savepoint=False)
def frames_keep(
    frames: Sequence[SentFrame], *, of: Asking, ticket: str, now: datetime
) -> LivenessCheck | None:
    """Seal the frames of a check that `liveness_judge` is asked about later; None without any, and
    of a student whose consent does not name head turns: theirs are not kept.

    `ticket` says which turns were asked. Raises `Refused` (storage_unavailable, 503), and then
    nothing is kept.
    """
    if not frames or not agreed_to_head_turns(student_id=of.student_id):
        return None
    check = LivenessCheck.objects.create(
        student_id=of.student_id,
        reference=str(of.pk),
        turns=turns_text(turns_of(ticket)),
        told_at=of.redeemed_at or now,
        sent_at=now,
    )
    LivenessFrame.objects.bulk_create(
        LivenessFrame(
            campus_id=check.campus_id,
            student_id=of.student_id,
            check_of=check,
            number=number,
            turn=frame.turn,
            at_ms=frame.at_ms,
            image=image_store(data=frame.jpeg, now=now, kept_for=KEPT_FOR),
            seen_at=now,
        )
        for number, frame in enumerate(frames)
    )
    return check


def liveness_judge(*, reference: str, now: datetime) -> Verdict | None:
    """Judge the frames that were kept under this reference; None where there are none.

    Asked again, the first answer is returned. Raises `OSError` when the storage does not answer.
    """
    check = LivenessCheck.objects.filter(reference=reference).first()
    if check is None:
        return None
    if check.decision != LivenessCheck.Decision.PENDING:
        return _verdict_of(check)
    started = perf_counter()
    frames = list(check.frames.select_related("image").order_by("number"))
    while True:
        made_by = in_force(now=now)
        looks = [_look(frame.image, made_by) for frame in frames]
        try:
            verdict = _verdict(check, frames, looks, made_by=made_by, now=now)
            break
        except ModelSwitched:  # looked at once more, by the campus's new model
            continue
    check.latency_ms = round((perf_counter() - started) * 1000)
    return _decide(check, frames, looks, verdict, now=now)


def _verdict_of(check: LivenessCheck) -> Verdict:
    return Verdict(
        decision=Decision(check.decision), reason=check.reason, measurements=check.measurements
    )


def _look(image: StoredImage | None, made_by: InForce) -> "FrameLook":
    from apps.liveness.worker import FrameLook, look_at_frame

    if image is None:
        return FrameLook(poor="no_image")
    try:
        return look_at_frame(read_image(image), engine=made_by.model.name)
    except SealBroken:
        return FrameLook(poor="image_damaged")


def _verdict(
    check: LivenessCheck,
    frames: Sequence[LivenessFrame],
    looks: Sequence["FrameLook"],
    *,
    made_by: InForce,
    now: datetime,
) -> Verdict:
    """By the campus's model; raises `ModelSwitched` where the templates are gone with it."""
    from apps.biometrics.engines import cosine_distance

    model, generation = made_by.model, made_by.generation
    held = held_templates(model=model, generation=generation, student_ids=[check.student_id])
    if not held.ids:
        made_by.check(now)
    known = _known_fingerprints(check, made_by, now=now)
    sent_before = _sent_before(check, frames)
    seen: list[FrameSeen] = []
    before = None
    for frame, look in zip(frames, looks, strict=True):
        distances = mean_distances(look.vector, held) if look.vector is not None else []
        both = look.vector is not None and before is not None
        seen.append(
            FrameSeen(
                turn=frame.turn,
                at_ms=frame.at_ms,
                face=look.face,
                poor=look.poor,
                template=distances[0].distance if distances else None,
                neighbour=cosine_distance(look.vector, before) if both else None,  # type: ignore[arg-type]
                nose=look.nose_since(looks[0]) if frame.turn else None,
                used_before=frame.image_id in sent_before or look.is_copy_of(known),
            )
        )
        before = look.vector
    verdict = judge(
        seen,
        turns_read(check.turns),
        limit=limits_of_mean(model=model)(len(held.ids)),
        elapsed_ms=round((check.sent_at - check.told_at) / timedelta(milliseconds=1)),
    )
    # Of the frame straight ahead, which these networks know; noted after the verdict, so that it
    # decides nothing.
    opinion = looks[0].second_opinion()
    if opinion is not None:
        verdict.measurements[SECOND_OPINION] = round(opinion, 3)
    return verdict


def _sent_before(check: LivenessCheck, frames: Sequence[LivenessFrame]) -> set[UUID | None]:
    """Images of this check that the campus has seen in another one, whoever sent it."""
    image_ids = [frame.image_id for frame in frames if frame.image_id is not None]
    others = LivenessFrame.objects.filter(image_id__in=image_ids).exclude(check_of=check)
    return set(others.filter(seen_at__lte=check.sent_at).values_list("image_id", flat=True))


def _known_fingerprints(check: LivenessCheck, made_by: InForce, *, now: datetime) -> list[bytes]:
    """Of the student's own earlier frames and enrolled photos. Somebody else's frames show another
    person, which is asked besides."""
    _enrolled_fingerprints(check.student_id, made_by, now=now)
    _missing_fingerprints(check, made_by)
    pictures = LivenessFrame.objects.filter(student_id=check.student_id).exclude(check_of=check)
    recent = pictures.filter(
        sample__isnull=True,
        seen_at__range=(check.sent_at - KNOWN_FOR, check.sent_at - ALIKE_FOR),
    )
    prints = (recent | pictures.filter(sample__isnull=False)).values_list("fingerprint", flat=True)
    return [bytes(one) for one in prints if one]


def _enrolled_fingerprints(student_id: int, made_by: InForce, *, now: datetime) -> None:
    """Once for each enrolled photo."""
    missing = FaceSample.objects.filter(
        student_id=student_id, status=FaceSample.Status.ACCEPTED
    ).exclude(pk__in=LivenessFrame.objects.filter(sample__isnull=False).values("sample_id"))
    for sample in missing.select_related("image"):
        LivenessFrame.objects.get_or_create(
            sample=sample,
            defaults={
                "student_id": student_id,
                "fingerprint": _look(sample.image, made_by).fingerprint,
                "seen_at": now,
            },
        )


def _missing_fingerprints(check: LivenessCheck, made_by: InForce) -> None:
    """Of earlier frames that nobody has looked at: their worker was lost, or comes after us."""
    missing = LivenessFrame.objects.filter(
        student_id=check.student_id,
        check_of__latency_ms=None,
        fingerprint=b"",
        image__isnull=False,
        seen_at__range=(check.sent_at - KNOWN_FOR, check.sent_at - ALIKE_FOR),
    ).exclude(check_of=check)
    for frame in missing.select_related("image"):
        seen = _look(frame.image, made_by).fingerprint
        LivenessFrame.objects.filter(pk=frame.pk).update(fingerprint=seen)


@transaction.atomic
def liveness_give_up(*, reference: str, reason: str, now: datetime) -> bool:
    """Nobody could look at these frames in time: could not tell, for good. Whether it was so."""
    checks = LivenessCheck.objects.select_for_update(no_key=True).filter(
        reference=reference, decision=LivenessCheck.Decision.PENDING
    )
    check = checks.first()
    if check is None:
        return False
    check.decision, check.reason, check.judged_at = Decision.UNDECIDED.value, reason, now
    check.save(update_fields=["decision", "reason", "judged_at"])
    data = {"reference": reference, "reason": reason}
    log_event(actor=SYSTEM, action="liveness.check.undecided", now=now, target=check, data=data)
    return True


@transaction.atomic
def _decide(
    check: LivenessCheck,
    frames: Sequence[LivenessFrame],
    looks: Sequence["FrameLook"],
    verdict: Verdict,
    *,
    now: datetime,
) -> Verdict | None:
    """Write the verdict, unless another worker has, or the check was erased meanwhile."""
    held = LivenessCheck.objects.select_for_update(no_key=True).filter(pk=check.pk).first()
    if held is None:
        return None
    if held.decision != LivenessCheck.Decision.PENDING:
        return _verdict_of(held)
    held.decision, held.reason = verdict.decision.value, verdict.reason
    held.measurements, held.judged_at = verdict.measurements, now
    held.latency_ms = check.latency_ms
    held.save()
    for frame, look in zip(frames, looks, strict=True):
        frame.fingerprint = look.fingerprint
    LivenessFrame.objects.bulk_update(frames, ["fingerprint"])
    data: dict[str, Any] = {"reference": held.reference, "reason": held.reason}
    action = f"liveness.check.{held.decision}"
    log_event(actor=SYSTEM, action=action, now=now, target=held, data=data)
    return verdict


def frames_unlink(image_ids: Collection[UUID]) -> int:
    """Before images are deleted."""
    return LivenessFrame.objects.filter(image_id__in=image_ids).update(image=None)


@transaction.atomic
def checks_erase(*, student: Student, now: datetime, actor: Actor) -> int:
    """Delete all checks, frames and fingerprints of a student; returns how many things.

    Called when the consent is withdrawn. The sealed frames go as soon as a worker has the time.
    """
    frames = LivenessFrame.objects.filter(student=student)
    image_ids = [pk for pk in frames.values_list("image_id", flat=True) if pk is not None]
    removed = frames.delete()[0] + LivenessCheck.objects.filter(student=student).delete()[0]
    return removed + images_erase(image_ids=image_ids, now=now)


def checks_forget(*, now: datetime) -> int:
    """Delete the entered campus's checks after 90 days, with their fingerprints."""
    old = LivenessCheck.objects.filter(sent_at__lt=now - KNOWN_FOR)
    return old.delete()[0]
