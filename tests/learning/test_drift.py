"""How far faces move from their templates."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Student
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceVerification
from apps.learning.models import FaceDrift
from apps.learning.services import drift_measure
from apps.learning.tasks import learn_faces
from apps.privacy.services import consent_withdraw
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.biometrics.support import give_consent
from tests.factories import Cast

pytestmark = pytest.mark.django_db


def matches(student: Student, distances: list[float], *, decision: str = "matched") -> None:
    now = timezone.now()
    FaceVerification.objects.bulk_create(
        FaceVerification(
            student=student,
            reference=f"{student.pk}-{decision}-{number}",
            decision=decision,
            distance=distance,
            threshold=0.5,
            at=now - timedelta(days=len(distances) - number),
        )
        for number, distance in enumerate(distances)
    )


def test_the_first_and_the_last_five_are_compared(cast: Cast, other_cast: Cast) -> None:
    with campus_scope(other_cast.campus):
        matches(other_cast.student, [0.1] * 12)
    with campus_scope(cast.campus):
        for student in (cast.student, cast.classmate):
            give_consent(student, timezone.now())
        matches(cast.student, [0.2] * 5 + [0.3] * 10 + [0.46] * 5)
        matches(cast.student, [0.9] * 12, decision="not_matched")
        matches(cast.classmate, [0.2] * 9)
        assert drift_measure(now=timezone.now()) == 1
        drift = FaceDrift.objects.get()
        assert (drift.student, drift.matches) == (cast.student, 20)
        assert (round(drift.earlier, 6), round(drift.lately, 6)) == (0.4, 0.92)
        assert drift.is_near_the_limit
        assert drift.is_drifting
        assert drift_measure(now=timezone.now() + timedelta(days=200)) == 0
        assert not FaceDrift.objects.exists()


def test_every_night_each_campus_is_measured_and_shown(cast: Cast, other_cast: Cast) -> None:
    for own in (cast, other_cast):
        with campus_scope(own.campus):
            give_consent(own.student, timezone.now())
            matches(own.student, [0.2] * 5 + [0.48] * 5)
    learn_faces()
    page = client_of(cast, cast.admin).get(url(FaceDrift, "changelist")).content.decode()
    assert "near the limit: ask for new photos" in page
    with campus_scope(cast.campus):
        consent_withdraw(student=cast.student, kind="face", now=timezone.now(), actor=SYSTEM)
        assert not FaceDrift.objects.exists()
        assert drift_measure(now=timezone.now()) == 0  # the history of verifications is kept
    with campus_scope(other_cast.campus):
        assert FaceDrift.objects.count() == 1
