"""What is kept of a person's check-ins: that there was one stays, what it was judged by goes."""

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from uuid import UUID

from apps.audit.services import Actor
from apps.biometrics.services.images import images_erase_now
from apps.biometrics.storage import read_image
from apps.checkin.models import CheckInAttempt, OnlineMinute, RapidCodeChallenge
from apps.privacy.registry import (
    KnownPerson,
    PersonFile,
    PersonRows,
    add_impersonal,
    add_person_eraser,
    add_person_files,
    add_person_rows,
    of_student,
    of_user,
)


def register() -> None:
    add_person_rows(
        PersonRows(
            model=CheckInAttempt,
            rows=of_student(),
            withheld=("sign_in",),
            blanked={
                "factors": {},
                "device_info": {},
                "latitude": None,
                "longitude": None,
                "accuracy_m": None,
                "bluetooth_rssi": None,
                "address": None,
                "sign_in": "",
                "photo_sha256": "",
                "passkey_id": None,
                "passkey_counter": None,
                "claimed_at": None,
            },
            because="marks name the check-in that they rest on",
        ),
        PersonRows(model=OnlineMinute, rows=of_user(), deleted=True),
    )
    add_impersonal(
        "of a session and its lecturer; texts are searched for names", RapidCodeChallenge
    )
    add_person_eraser(erase_selfies)
    add_person_files(selfie_files)


def erase_selfies(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """The photos that came with check-ins, rows and sealed objects."""
    if person.student_id is None:
        return {}
    attempts = CheckInAttempt.objects.filter(
        student_id=person.student_id or 0, selfie__isnull=False
    )
    image_ids = {pk for pk in attempts.values_list("selfie_id", flat=True) if pk is not None}
    return {"selfies": images_erase_now(image_ids=image_ids, now=now)}


def selfies_unlink(image_ids: Collection[UUID]) -> int:
    """Before selfies are deleted whose time is over: the attempt and its explanation stay."""
    return CheckInAttempt.objects.filter(selfie_id__in=image_ids).update(selfie=None)


def selfie_files(*, person: KnownPerson) -> Iterator[PersonFile]:
    attempts = CheckInAttempt.objects.filter(
        student_id=person.student_id or 0, selfie__isnull=False
    )
    for attempt in attempts.select_related("selfie").order_by("pk"):
        if attempt.selfie is not None:
            yield (
                f"selfies/{attempt.received_at:%Y-%m-%d}-{attempt.pk}.jpg",
                partial(read_image, attempt.selfie),
            )
