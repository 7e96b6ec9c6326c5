"""What the campus office does before the class: accounts, a course, a room, and clean slates.

The only part of the simulation that touches the database. Passwords are random, known to this
process alone, and changed at every run.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from apps.accounts.models import Faculty, Student
from apps.accounts.selectors import device_of
from apps.accounts.services import device_reset, faculty_create, password_set, student_create
from apps.attendance.models import Policy
from apps.attendance.services.register import register_close
from apps.audit.services import Actor
from apps.classrooms.models import Beacon, Building, Classroom
from apps.demo.loader.study import term_ensure
from apps.demo.simulation.cast import SimulatedRole
from apps.demo.simulation.room import Room
from apps.demo.simulation.server import SimulationError
from apps.enrollments.models import Course, Enrollment, Subject, Term
from apps.privacy.models import Consent
from apps.privacy.selectors import active_consent
from apps.privacy.services import consent_withdraw
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_day

ACTOR: Final = Actor(label="simulate_class")
PREFIX: Final = "SIM"
PASSWORD_BYTES: Final = 18
LATE_AFTER_MINUTES: Final = 1  # so that somebody can be late within a short run
RESET_REASON: Final = "Simulated class"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A sign-in, and for students the id by which the lecturer marks them."""

    email: str
    password: str
    id: int = 0


@dataclass(frozen=True, kw_only=True)
class Prepared:
    lecturer: Account
    students: dict[str, Account]  # by the role's key
    course: int
    course_title: str
    room: Room


def student_code(role: SimulatedRole) -> str:
    return f"{PREFIX}-{role.key}"


@dataclass(frozen=True, kw_only=True)
class Office:
    """Gets one simulated class ready on one campus."""

    campus: Campus
    now: datetime

    def prepare(self, roles: Sequence[SimulatedRole], *, lecturer: Account | None) -> Prepared:
        """Everything that `roles` need; `lecturer` names a real one instead of the simulated.

        Raises `SimulationError` when the campus is not fit for it.
        """
        with campus_scope(self.campus):
            if not self.campus.face_enabled:
                message = f"Face verification is off on the campus “{self.campus.slug}”."
                raise SimulationError(message)
            holder, account = self._lecturer(lecturer)
            classroom, room = self._room()
            course = self._course(holder, classroom, places=len(roles))
            self._close_what_is_open(course)
            students = {role.key: self._student(role) for role in roles}
            self._enrol(course, [students[role.key] for role in roles if role.enrolled])
            return Prepared(
                lecturer=account,
                students={key: self._account(student) for key, student in students.items()},
                course=course.pk,
                course_title=str(course),
                room=room,
            )

    def _lecturer(self, named: Account | None) -> tuple[Faculty, Account]:
        if named is not None:
            found = Faculty.objects.filter(email__iexact=named.email, is_active=True).first()
            if found is None:
                message = f"There is no lecturer with the address {named.email}."
                raise SimulationError(message)
            return found, named
        holder = Faculty.objects.filter(code=PREFIX).first() or faculty_create(
            code=PREFIX,
            first_name="Simone",
            last_name="Laurent",
            email=f"lecturer.sim@{self.campus.slug}.example",
            now=self.now,
            actor=ACTOR,
        )
        return holder, self._account(holder)

    def _room(self) -> tuple[Classroom, Room]:
        """The first classroom with a place and a beacon that does not rotate, or one made here."""
        beacon = (
            Beacon.objects.filter(
                is_active=True, sealed_secret__isnull=True, classroom__latitude__isnull=False
            )
            .select_related("classroom__building")
            .order_by("pk")
            .first()
        ) or _room_made()
        place = beacon.classroom
        assert place.latitude is not None  # asked for, and the database wants both or none
        assert place.longitude is not None
        return place, Room(
            latitude=float(place.latitude),
            longitude=float(place.longitude),
            radius_m=float(place.geofence_radius),
            beacon=beacon.identifier,
        )

    def _course(self, holder: Faculty, classroom: Classroom, *, places: int) -> Course:
        subject, _made = Subject.objects.get_or_create(
            code=PREFIX, defaults={"name": "Simulated class"}
        )
        course, made = Course.objects.get_or_create(
            code=f"{PREFIX}-{holder.code}",
            term=self._term(),
            defaults={"subject": subject, "faculty": holder, "classroom": classroom},
        )
        Course.objects.filter(pk=course.pk).update(max_students=places, classroom=classroom)
        if made:
            Policy.objects.create(
                course=course,
                version=1,
                late_after_minutes=LATE_AFTER_MINUTES,
                grace_minutes=LATE_AFTER_MINUTES,
                created_at=self.now,
            )
        return course

    def _term(self) -> Term:
        today = self.now.date()
        running = Term.objects.filter(starts_on__lte=today, ends_on__gte=today).first()
        return running or term_ensure(on=today)

    def _close_what_is_open(self, course: Course) -> None:
        """A class that was left open, or one whose player was killed."""
        for session in ClassSession.objects.filter(
            course=course, status=ClassSession.Status.OPEN
        ).order_by("pk"):
            register_close(session=session, now=self.now, actor=ACTOR)

    def _student(self, role: SimulatedRole) -> Student:
        """The student with no phone and no face left from an earlier class."""
        code = student_code(role)
        student = Student.objects.filter(code=code).select_related("user").first()
        if student is None:
            first, _space, last = role.name.partition(" ")
            return student_create(
                code=code,
                first_name=first,
                last_name=last,
                email=f"{code.lower()}@{self.campus.slug}.example",
                now=self.now,
                actor=ACTOR,
            )
        if device_of(student=student) is not None:
            device_reset(student=student, reason=RESET_REASON, now=self.now, actor=ACTOR)
        return student

    def _enrol(self, course: Course, students: Sequence[Student]) -> None:
        """Exactly these students attend; faces of earlier classes are erased."""
        Enrollment.objects.filter(course=course).exclude(student__in=students).update(
            status=Enrollment.Status.DROPPED
        )
        for student in students:
            Enrollment.objects.update_or_create(
                student=student,
                course=course,
                defaults={"status": Enrollment.Status.ENROLLED},
                create_defaults={"enrolled_on": campus_day(now=self.now)},
            )
        for student in Student.objects.filter(code__startswith=f"{PREFIX}-").order_by("pk"):
            if active_consent(student=student, kind=Consent.Kind.FACE) is not None:
                consent_withdraw(student=student, kind=Consent.Kind.FACE, now=self.now, actor=ACTOR)

    def _account(self, person: Student | Faculty) -> Account:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        assert person.user is not None  # made with an account
        password_set(user=person.user, password=password, now=self.now, actor=ACTOR, notify=False)
        return Account(email=person.email, password=password, id=person.pk)


def _room_made() -> Beacon:
    """A room for a campus that has none with a beacon yet; it lies in Greenwich."""
    building, _made = Building.objects.get_or_create(name="Simulated class")
    place, _made = Classroom.objects.update_or_create(
        building=building,
        room_number=PREFIX,
        defaults={"latitude": Decimal("51.47788"), "longitude": Decimal("-0.00147")},
    )
    beacon, _made = Beacon.objects.update_or_create(
        identifier=f"{PREFIX.lower()}-room", defaults={"classroom": place, "is_active": True}
    )
    return beacon
