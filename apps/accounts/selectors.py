"""Finding people of the entered campus."""

from typing import Any

from django.db.models import F

from apps.accounts.models import Device, Faculty, Role, Student
from apps.common.errors import NotFound


def student_of(*, user: Any) -> Student | None:
    """The active student behind this account, with the student role; one query."""
    return (
        Student.objects.filter(
            user_id=user.pk,
            is_active=True,
            user__memberships__campus=F("campus"),
            user__memberships__role=Role.STUDENT,
            user__memberships__is_active=True,
        )
        .order_by()
        .first()
    )


def faculty_of(*, user: Any) -> Faculty | None:
    """The active faculty member behind this account, with the faculty role; one query."""
    return (
        Faculty.objects.filter(
            user_id=user.pk,
            is_active=True,
            user__memberships__campus=F("campus"),
            user__memberships__role=Role.FACULTY,
            user__memberships__is_active=True,
        )
        .order_by()
        .first()
    )


def device_of(*, student: Student) -> Device | None:
    """The student's active device; the database allows one."""
    return Device.objects.filter(student=student, is_active=True).first()


def student_by_id(*, student_id: int) -> Student:
    """Raises `NotFound` (no_such_student), also for another campus's student."""
    student = Student.objects.filter(pk=student_id).first()
    if student is None:
        raise NotFound("no_such_student", "No such student.")
    return student
