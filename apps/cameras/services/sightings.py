"""From the faces of one frame to sightings: compared, written down with a picture, marked."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
from django.db import transaction

from apps.audit.services import Actor
from apps.biometrics.models import StoredImage
from apps.biometrics.services.images import image_store
from apps.cameras.models import Camera, CameraEvent
from apps.cameras.reading import FaceSighting
from apps.cameras.selectors import (
    CameraOff,
    OpenRegister,
    cameras_require,
    lately_seen,
    open_registers,
)
from apps.cameras.services.events import camera_label
from apps.cameras.services.marking import camera_actor, sightings_mark
from apps.cameras.services.matching import FaceMatch, faces_match
from apps.cameras.services.unknown import UnknownSighting, unknown_seen
from apps.common.errors import Refused
from apps.common.ids import uuid7
from apps.common.measures import count
from apps.privacy.models import SearchPermission
from apps.recognition.services import FaceAnswer

NOTED_EVERY: Final = timedelta(seconds=30)
MOST_KEPT: Final = timedelta(days=30)
MOST_UNKNOWN: Final = 10_000  # sightings of nobody known, of a camera within an hour
UNKNOWN: Final = "unknown"


class SightingResult(StrEnum):
    """What became of a face."""

    RECOGNIZED = "recognized"
    REPEATED = "repeated"  # seen within the seconds in which a person counts once
    DOUBTFUL = "doubtful"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class SightingAnswer:
    result: SightingResult
    student_id: int | None = None


@transaction.atomic
def sightings_record(
    *, camera: Camera, faces: Sequence[FaceSighting], at: datetime, now: datetime
) -> list[SightingAnswer]:
    """Compare the faces of one frame, taken at `at`, and keep what they are; an answer for each.

    Raises `Refused` (403: camera_off, face_disabled, a code of `SearchProblem`; 400:
    roster_too_large; 409: no_session where nobody is open to be compared with), and then nothing
    is written. A storage that is away costs the picture, not the sighting.
    """
    held = Camera.objects.select_for_update(no_key=True).filter(pk=camera.pk, is_active=True)
    found = held.first()
    if found is None:
        raise CameraOff.INACTIVE.error()
    permission = cameras_require()
    camera_heard(camera=found, now=now)
    registers = open_registers(camera=found)
    if not registers and permission.covers != SearchPermission.Covers.CAMPUS:
        raise CameraOff.NO_SESSION.error()
    if not faces:
        return []
    matches = faces_match(
        vectors=np.array([face.vector for face in faces], np.float32),
        model=faces[0].model,
        registers=registers,
        permission=permission,
        actor=camera_actor(found),
        now=now,
    )
    frame = _Frame(found, permission, registers, at, now)
    answers = frame.write_down(faces, matches)
    for answer in answers:
        count("campus_camera_sightings", camera_label(found), answer.result.value)
    return answers


def camera_heard(*, camera: Camera, now: datetime) -> None:
    """Note that it works, to half a minute."""
    if camera.heard_at is None or now - camera.heard_at >= NOTED_EVERY:
        Camera.objects.filter(pk=camera.pk).update(heard_at=now)


def kept_for(permission: SearchPermission) -> timedelta:
    """How long sightings and their pictures are kept: as the campus wrote down, 30 days at most."""
    return min(timedelta(days=permission.retention_days or 1), MOST_KEPT)


@dataclass(frozen=True)
class _Frame:
    """What the sightings of one frame have in common."""

    camera: Camera
    permission: SearchPermission
    registers: list[OpenRegister]
    at: datetime
    now: datetime

    def write_down(
        self, faces: Sequence[FaceSighting], matches: Sequence[FaceMatch]
    ) -> list[SightingAnswer]:
        named = [match.student_id for match in matches if match.student_id is not None]
        lately = lately_seen(camera=self.camera, student_ids=named, at=self.at)
        answers, events, bare = [], [], []
        for face, match in zip(faces, matches, strict=True):
            if match.answer == FaceAnswer.DOUBTFUL:
                answers.append(SightingAnswer(result=SightingResult.DOUBTFUL))
            elif match.student_id is None and self.camera.keeps_unknown:
                answers.append(self._unknown(face))
            elif match.student_id is None:
                answers.append(SightingAnswer(result=SightingResult.UNKNOWN))
                bare.append(
                    CameraEvent(camera=self.camera, at=self.at, event_type=CameraEvent.Type.UNKNOWN)
                )
            else:
                repeated = match.student_id in lately
                result = SightingResult.REPEATED if repeated else SightingResult.RECOGNIZED
                answers.append(SightingAnswer(result=result, student_id=match.student_id))
                if not repeated:
                    events.append(self._recognized(face, match))
        self._mark(events)
        CameraEvent.objects.bulk_create(events + self._few(bare))
        return answers

    def _few(self, bare: list[CameraEvent]) -> list[CameraEvent]:
        """As many as fit: a device may send picture after picture of a crowd."""
        if not bare:
            return []
        near = (self.at - timedelta(hours=1), self.at + timedelta(hours=1))
        events = CameraEvent.objects.filter(camera=self.camera, at__range=near)
        room = max(0, MOST_UNKNOWN - events.filter(event_type=CameraEvent.Type.UNKNOWN).count())
        if room < len(bare):
            count("campus_camera_failures", camera_label(self.camera), "too_many_unknown")
        return bare[:room]

    def _recognized(self, face: FaceSighting, match: FaceMatch) -> CameraEvent:
        return CameraEvent(
            id=uuid7(),
            camera=self.camera,
            at=self.at,
            event_type=CameraEvent.Type.RECOGNIZED,
            student_id=match.student_id,
            session=next(
                (one.session for one in self.registers if match.student_id in one.student_ids), None
            ),
            confidence=match.confidence,
            image=self._kept(face, shelf=f"user_{match.student_id}"),
        )

    def _unknown(self, face: FaceSighting) -> SightingAnswer:
        """As one of the unknown people."""
        is_new = unknown_seen(
            camera=self.camera,
            seen=UnknownSighting(vector=face.vector, model=face.model, at=self.at),
            keep=lambda: self._kept(face, shelf=UNKNOWN),
            now=self.now,
        )
        result = SightingResult.UNKNOWN if is_new else SightingResult.REPEATED
        return SightingAnswer(result=result)

    def _kept(self, face: FaceSighting, *, shelf: str) -> StoredImage | None:
        if face.snapshot is None or not self.camera.keeps_snapshots:
            return None
        kept = kept_for(self.permission)
        try:
            return image_store(data=face.snapshot, now=self.now, kept_for=kept, shelf=shelf)
        except Refused:
            count("campus_camera_failures", camera_label(self.camera), "storage")
            return None

    def _mark(self, events: Sequence[CameraEvent]) -> None:
        """All of one session together; each event knows the mark that it made."""
        by_session: dict[int, list[CameraEvent]] = defaultdict(list)
        for event in events:
            if event.session_id is not None:
                by_session[event.session_id].append(event)
        actor: Actor = camera_actor(self.camera)
        for register in self.registers:
            of_it = by_session.get(register.session.pk, [])
            if not of_it:
                continue
            bulk, marked = sightings_mark(
                register=register,
                student_ids=[event.student_id for event in of_it if event.student_id],
                at=self.at,
                nonce=f"camera:{of_it[0].pk}",
                actor=actor,
                now=self.now,
            )
            for event in of_it:
                if event.student_id in marked:
                    event.bulk = bulk
