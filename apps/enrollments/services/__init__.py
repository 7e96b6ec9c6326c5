"""Changing what is studied: subjects, courses, sections and who is enrolled, in bulk."""

from apps.enrollments.services.roster import (
    enrollments_import,
    enrollments_with_wrong_days,
    grades_import,
    placements_import,
)
from apps.enrollments.services.sections import SectionSync, section_enrollments_sync
from apps.enrollments.services.sourced_ids import sourced_ids_keep
from apps.enrollments.services.study import courses_import, subjects_import
from apps.enrollments.services.subjects import subject_activate, subject_deactivate
from apps.enrollments.services.terms import term_archive, term_may_be_archived, term_reopen

__all__ = [
    "SectionSync",
    "courses_import",
    "enrollments_import",
    "enrollments_with_wrong_days",
    "grades_import",
    "placements_import",
    "section_enrollments_sync",
    "sourced_ids_keep",
    "subject_activate",
    "subject_deactivate",
    "subjects_import",
    "term_archive",
    "term_may_be_archived",
    "term_reopen",
]
