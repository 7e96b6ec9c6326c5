"""Study: terms, departments, sections, subjects, courses, enrolments and grades."""

from apps.enrollments.models.courses import Course, Subject
from apps.enrollments.models.enrollments import DateRange, Enrollment, EnrollmentPeriod, Grade
from apps.enrollments.models.sections import Department, Placement, Section
from apps.enrollments.models.sourced_ids import SourcedId
from apps.enrollments.models.terms import Term, validate_academic_year

__all__ = [
    "Course",
    "DateRange",
    "Department",
    "Enrollment",
    "EnrollmentPeriod",
    "Grade",
    "Placement",
    "Section",
    "SourcedId",
    "Subject",
    "Term",
    "validate_academic_year",
]
