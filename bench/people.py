"""People for benchmarks, made without the cost of hashing thousands of passwords."""

from datetime import date
from importlib import import_module

from allauth.headless.tokens.strategies.jwt import internal
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone

from apps.accounts.models import Device, Faculty, Membership, Person, Role, Student, User
from apps.classrooms.models import Beacon, Building, Classroom
from apps.enrollments.models import Course, Enrollment, Subject, Term
from apps.signin.api.tokens import CAMPUS_CLAIM


def student(number: int, *, host: str = "bench.example") -> Student:
    email = f"s{number}@{host}"
    user = User(email=email, name=f"Student {number}")
    user.set_unusable_password()
    user.save()
    Membership.objects.create(user=user, role=Role.STUDENT)
    return Student.objects.create(
        code=f"B{number:06d}", first_name="Student", last_name=str(number), email=email, user=user
    )


def signed_in_token(person: Person) -> str:
    assert person.user is not None
    return token_for(person.user, campus_id=person.campus_id)


def token_for(user: User, *, campus_id: int) -> str:
    """A session as sign-in leaves it, and the access token for it."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return internal.create_access_token(user, session, {CAMPUS_CLAIM: campus_id})


def bound_device(person: Student, key: ec.EllipticCurvePrivateKey) -> None:
    now = timezone.now()
    Device.objects.create(
        student=person,
        device_uuid=f"bench-{person.pk}",
        public_key=key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        kind=Device.Kind.ANDROID,
        bound_at=now,
        last_seen_at=now,
    )


def course_for(people: list[Student]) -> Course:
    """A course in a room with a place and a beacon, with everybody enrolled."""
    room = Classroom.objects.create(
        building=Building.objects.create(name="Bench"),
        room_number="1",
        latitude="52.51627300",
        longitude="13.37770400",
    )
    Beacon.objects.create(classroom=room, identifier="bench-1")
    faculty = Faculty.objects.create(code="F1", first_name="Lecturer", email="l@bench.example")
    term = Term.objects.create(
        name="Autumn",
        academic_year="2026-2027",
        starts_on=date(2026, 9, 1),
        ends_on=date(2027, 1, 31),
    )
    subject = Subject.objects.create(code="B1", name="Benchmarking")
    course = Course.objects.create(
        code="B1-A",
        term=term,
        subject=subject,
        faculty=faculty,
        classroom=room,
        max_students=len(people),
    )
    Enrollment.objects.bulk_create(
        [Enrollment(student=p, course=course, enrolled_on=date(2026, 9, 1)) for p in people]
    )
    return course
