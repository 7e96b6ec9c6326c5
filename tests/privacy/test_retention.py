"""How long things are kept is data of the campus, and what the consent promises happens."""

from datetime import date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.biometrics.models import FaceSample, FaceTemplate, StoredImage
from apps.biometrics.services import former_faces_erase, image_store, selfies_shorten
from apps.checkin.models import CheckInAttempt
from apps.checkin.tasks import purge_location_data
from apps.enrollments.models import Enrollment
from apps.leave.models import Attachment
from apps.leave.services.attachments import attachments_purge
from apps.privacy.models import Consent, PrivacyRules
from apps.qr_otp.models import Scan
from tests.biometrics.support import make_model, make_template, plain_jpeg, unit
from tests.factories import Cast
from tests.privacy.support import make_known

pytestmark = pytest.mark.django_db


def on(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=timezone.get_fixed_timezone(0))


def faces() -> int:
    return FaceSample.objects.count() + FaceTemplate.objects.count()


@pytest.fixture
def enrolled(in_campus: Cast, now: datetime) -> Cast:
    """The student has a template; their only course is in a term that ends on 31 January."""
    make_template(in_campus.student, unit(1, 0, 0), model=make_model(now=now), now=now)
    return in_campus


def test_faces_go_when_the_last_enrolment_has_ended(enrolled: Cast) -> None:
    PrivacyRules.objects.create(faces_days=10)
    assert former_faces_erase(now=on(date(2027, 2, 10))) == 0
    assert faces() == 2
    assert former_faces_erase(now=on(date(2027, 2, 11))) > 0
    assert faces() == 0
    assert not Consent.objects.filter(withdrawn_at__isnull=True).exists()
    assert not StoredImage.objects.filter(delete_after__isnull=True).exists()


def test_an_enrolment_that_ended_early_counts_from_its_own_day(enrolled: Cast) -> None:
    Enrollment.objects.filter(student=enrolled.student).update(
        status=Enrollment.Status.DROPPED, ended_on=date(2026, 10, 1)
    )
    assert former_faces_erase(now=on(date(2026, 10, 31))) == 0
    assert former_faces_erase(now=on(date(2026, 11, 1))) > 0


def test_another_enrolment_keeps_them(enrolled: Cast) -> None:
    other = Enrollment.objects.filter(student=enrolled.student).get()
    other.course.term.ends_on = date(2027, 7, 31)
    other.course.term.save()
    assert former_faces_erase(now=on(date(2027, 3, 1))) == 0


def test_the_older_wording_is_kept_to_the_letter(enrolled: Cast) -> None:
    """It promised the end of the enrolment, not some days after it."""
    Consent.objects.update(version="2026-1")
    assert former_faces_erase(now=on(date(2027, 1, 31))) == 0
    assert former_faces_erase(now=on(date(2027, 2, 1))) > 0


def test_who_was_never_enrolled_keeps_them_while_active(enrolled: Cast, now: datetime) -> None:
    make_template(
        enrolled.stranger, unit(0, 1, 0), model=make_model("other", now=now), now=now, colour="grey"
    )
    Enrollment.objects.all().delete()
    assert former_faces_erase(now=on(date(2030, 1, 1))) == 0
    enrolled.stranger.is_active = False
    enrolled.stranger.save()
    later = enrolled.stranger.updated_at + timedelta(days=32)
    assert former_faces_erase(now=later) > 0


def test_a_campus_keeps_coordinates_and_addresses_shorter(in_campus: Cast) -> None:
    make_known(in_campus, timezone.now() - timedelta(hours=30))
    PrivacyRules.objects.create(coordinates_hours=1, addresses_days=1)
    assert purge_location_data() > 0
    attempt = CheckInAttempt.objects.get()
    assert (attempt.latitude, attempt.address, attempt.sign_in) == (None, None, "")
    assert Scan.objects.get().address is None


def test_a_campus_keeps_photos_and_documents_shorter(in_campus: Cast, now: datetime) -> None:
    PrivacyRules.objects.create(selfies_days=7, documents_days=7)
    selfie = image_store(data=plain_jpeg("green"), now=now, kept_for=timedelta(days=30))
    make_known(in_campus, now)
    assert selfies_shorten(now=now) == 2
    selfie.refresh_from_db()
    assert selfie.delete_after == now + timedelta(days=7)
    assert attachments_purge(now=now + timedelta(days=6)) == 0
    assert attachments_purge(now=now + timedelta(days=7)) == 1
    assert not Attachment.objects.exists()


@pytest.mark.parametrize(
    ("name", "days"),
    [("coordinates_hours", 25), ("addresses_days", 31), ("selfies_days", 31), ("faces_days", 366)],
)
def test_longer_than_the_platform_keeps_them_is_refused(
    in_campus: Cast, name: str, days: int
) -> None:
    with pytest.raises(ValidationError):
        PrivacyRules(**{name: days}).full_clean()
