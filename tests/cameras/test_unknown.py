"""Unknown people: put together, named, merged, split, dismissed; never registered by themselves."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceSample, StoredImage
from apps.biometrics.services import current_model
from apps.cameras.models import Camera, CameraEvent, UnknownPerson
from apps.cameras.selectors import UNKNOWN_SEAL, unknown_of
from apps.cameras.services import unknown
from apps.cameras.services.forgetting import sightings_expire
from apps.cameras.services.unknown import (
    samples_after_consent,
    unknown_dismiss,
    unknown_merge,
    unknown_name,
    unknown_relearn,
    unknown_split,
    unlearned,
)
from apps.common.crypto import unseal
from apps.common.errors import Invalid, NotFound, Refused
from apps.privacy.services import search_permission_withdraw
from apps.sessions.models import ClassSession
from apps.tenants.scope import current_campus_id
from tests.biometrics.support import give_consent
from tests.cameras.support import OTHER_STRANGER, STRANGER, see, vector
from tests.factories import Cast

pytestmark = pytest.mark.usefixtures("engine")

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def keeping(camera: Camera) -> Camera:
    Camera.objects.update(keeps_unknown=True)
    camera.refresh_from_db()
    return camera


def sightings(camera: Camera, at: datetime, number: int, times: int) -> UnknownPerson:
    for time in range(times):
        colour = f"rgb({number}, {time}, 0)"
        see(camera, at + time * 20 * SECOND, vector(number, away=0.05 * time), colour=colour)
    return UnknownPerson.objects.latest("pk")


def test_sightings_of_one_face_are_one_person(keeping: Camera, now: datetime) -> None:
    assert see(keeping, now, vector(STRANGER), vector(OTHER_STRANGER)) == ["unknown"] * 2
    assert see(keeping, now + 14 * SECOND, vector(STRANGER, away=0.2)) == ["repeated"]
    assert see(keeping, now + 15 * SECOND, vector(STRANGER, away=0.2)) == ["unknown"]
    first, other = UnknownPerson.objects.order_by("pk")
    assert (first.seen_count, first.first_seen, first.last_seen) == (2, now, now + 15 * SECOND)
    assert (other.seen_count, other.first_seen, other.last_seen) == (1, now, now)
    assert first.events.count() == 2
    plain = vector(STRANGER).tobytes()
    assert plain not in bytes(first.sealed_vector or b"")
    assert len(unseal(UNKNOWN_SEAL, current_campus_id(), bytes(first.sealed_vector or b""))) == 512


def test_naming_gives_the_sightings_and_after_consent_a_sample(
    keeping: Camera, in_campus: Cast, now: datetime
) -> None:
    person, student = sightings(keeping, now, STRANGER, 2), in_campus.student
    assert unknown_name(person=person, student=student, now=now, actor=SYSTEM) is False
    person.refresh_from_db()
    assert (person.status, person.student, person.sealed_vector) == ("named", student, None)
    assert set(CameraEvent.objects.values_list("student", flat=True)) == {student.pk}
    assert (samples_after_consent(now=now), FaceSample.objects.count()) == (0, 0)
    give_consent(student, now)
    assert (samples_after_consent(now=now), samples_after_consent(now=now)) == (1, 0)
    assert FaceSample.objects.get().student == student
    with pytest.raises(Refused) as refused:
        unknown_name(person=person, student=in_campus.classmate, now=now, actor=SYSTEM)
    assert refused.value.code == "already_decided"
    with pytest.raises(NotFound):
        unknown_of(pk=person.pk)


def test_a_dismissed_one_keeps_neither_face_nor_picture(keeping: Camera, now: datetime) -> None:
    person = sightings(keeping, now, STRANGER, 2)
    unknown_dismiss(person=person, now=now, actor=SYSTEM)
    person.refresh_from_db()
    assert (person.status, person.sealed_vector, person.image) == ("dismissed", None, None)
    assert not CameraEvent.objects.exclude(image=None).exists()
    assert not StoredImage.objects.filter(delete_after__gt=now).exists()
    assert see(keeping, now + MINUTE, vector(STRANGER)) == ["unknown"]
    assert UnknownPerson.objects.filter(status="open").count() == 1


def test_merged_they_are_one_and_split_they_are_two_again(keeping: Camera, now: datetime) -> None:
    one = sightings(keeping, now, STRANGER, 2)
    other = sightings(keeping, now + 5 * SECOND, OTHER_STRANGER, 3)
    with pytest.raises(Invalid):
        unknown_merge(people=[one], now=now, actor=SYSTEM)
    merged = unknown_merge(people=[other, one], now=now, actor=SYSTEM)
    assert (merged.pk, merged.seen_count, merged.events.count()) == (one.pk, 5, 5)
    assert merged.last_seen == now + 45 * SECOND
    with pytest.raises(Refused):
        unknown_merge(people=[other, merged], now=now, actor=SYSTEM)

    events = list(merged.events.order_by("at"))
    with pytest.raises(Invalid):  # all of them would leave nobody
        unknown_split(events=events, now=now, actor=SYSTEM)
    new = unknown_split(events=events[3:], now=now, actor=SYSTEM)
    merged.refresh_from_db()
    assert (merged.seen_count, new.seen_count) == (3, 2)
    assert merged.sealed_vector is None
    assert [pk for pk, _image in unlearned()] == [merged.pk, new.pk]
    model = current_model(now=now)
    unknown_relearn(person_id=merged.pk, vector=vector(STRANGER), model=model)
    unknown_relearn(person_id=new.pk, vector=None, model=model)
    assert unlearned() == []
    see(keeping, now + MINUTE, vector(STRANGER))
    assert UnknownPerson.objects.get(pk=merged.pk).seen_count == 4
    actions = set(Entry.objects.values_list("action", flat=True))
    assert {"cameras.unknown.merged", "cameras.unknown.split"} <= actions


def test_who_is_seen_often_is_proposed_and_never_registered(
    keeping: Camera, in_campus: Cast, now: datetime
) -> None:
    before = Student.objects.count()
    sightings(keeping, now, STRANGER, 3)
    assert not CameraEvent.objects.filter(event_type="auto_register").exists()
    Camera.objects.update(auto_register=True)
    see(keeping, now + 2 * MINUTE, vector(STRANGER))
    see(keeping, now + 3 * MINUTE, vector(STRANGER))
    [proposed] = CameraEvent.objects.filter(event_type="auto_register")
    assert proposed.unknown is not None
    assert proposed.unknown.proposed_at == now + 2 * MINUTE
    assert proposed.unknown.status == "open"
    assert Student.objects.count() == before
    assert not FaceSample.objects.exists()


def test_they_go_after_their_days_and_at_once_with_the_permission(
    keeping: Camera, lesson: ClassSession, now: datetime
) -> None:
    sightings(keeping, now, STRANGER, 1)
    assert sightings_expire(now=now + timedelta(days=6)) == 0
    sightings(keeping, now, OTHER_STRANGER, 1)
    assert sightings_expire(now=now + timedelta(days=8)) == 4
    sightings(keeping, now, STRANGER, 1)
    search_permission_withdraw(now=now, actor=SYSTEM)
    assert sightings_expire(now=now + SECOND) == 2
    assert not UnknownPerson.objects.exists()


@pytest.mark.parametrize("decide", ["dismiss", "delete"])
def test_a_sighting_does_not_undo_what_a_person_decides_meanwhile(
    keeping: Camera, now: datetime, monkeypatch: pytest.MonkeyPatch, decide: str
) -> None:
    """The face was found to be this one's; then, before it is written, the decision commits."""
    person = sightings(keeping, now, STRANGER, 1)
    found = unknown._nearest

    def then_decided(*args: Any) -> Any:
        nearest = found(*args)
        if decide == "dismiss":
            unknown_dismiss(person=person, now=now, actor=SYSTEM)
        else:
            UnknownPerson.objects.filter(pk=person.pk).delete()
        return nearest

    monkeypatch.setattr(unknown, "_nearest", then_decided)
    assert see(keeping, now + MINUTE, vector(STRANGER)) == ["unknown"]
    left = UnknownPerson.objects.filter(pk=person.pk).values_list("status", "sealed_vector")
    assert list(left) == ([("dismissed", None)] if decide == "dismiss" else [])
    assert UnknownPerson.objects.exclude(pk=person.pk).get().seen_count == 1


def test_what_was_split_off_meanwhile_is_not_split_again(keeping: Camera, now: datetime) -> None:
    person = sightings(keeping, now, STRANGER, 4)
    events = list(person.events.order_by("at"))
    new = unknown_split(events=events[3:], now=now, actor=SYSTEM)
    with pytest.raises(Refused), transaction.atomic():  # of a page that was open before
        unknown_split(events=events[3:], now=now, actor=SYSTEM)
    person.refresh_from_db()
    assert (person.seen_count, new.events.count(), UnknownPerson.objects.count()) == (3, 1, 2)
    CameraEvent.objects.filter(pk__in=[event.pk for event in events[:2]]).delete()  # their days
    with pytest.raises(Invalid):  # nobody would be left
        unknown_split(events=events[2:3], now=now, actor=SYSTEM)
