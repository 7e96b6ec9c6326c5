"""A whole campus from spreadsheets with errors, then from the corrected ones."""

from pathlib import Path

import pytest

from apps.accounts.models import Faculty, Student
from apps.demo.sample_data import campus_sheets, workbook
from apps.enrollments.models import Course, Enrollment
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot
from tests.factories import Cast
from tests.imports.support import counts, do_import, xlsx

pytestmark = pytest.mark.django_db


def test_files_with_errors_go_in_and_the_corrected_ones_make_it_whole(cast: Cast) -> None:
    sheets = campus_sheets(100, departments=1, error_share=0.1, seed=3)
    Campus.objects.filter(pk=cast.campus.pk).update(years_of_study=4)
    for kind, sheet in sheets.items():
        report = do_import(cast, kind, xlsx([sheet.headings, *sheet.with_errors]))
        wrong = {problem.row for problem in report.problems}
        assert sheet.wrong
        assert sheet.wrong <= wrong, kind
        # What is missing upstream (a lecturer, a subject) makes rows downstream wrong, too.
        if kind in ("classrooms", "faculty", "subjects", "students"):
            assert wrong == sheet.wrong, kind
    for kind, sheet in sheets.items():
        report = do_import(cast, kind, xlsx([sheet.headings, *sheet.rows]))
        assert report.problems == [], kind
        assert sum(counts(report)[:3]) == len(sheet.rows), kind
    with campus_scope(cast.campus):
        assert Student.objects.filter(code__startswith="21").count() == 100
        assert Faculty.objects.filter(code__startswith="F0").count() == 32
        assert Course.objects.filter(code__contains="-CSE-1A").count() == 7
        assert WeeklySlot.objects.filter(is_active=True).count() == 304
        assert Enrollment.objects.filter(course__code__contains="-CSE-").count() == 100 * 7
    for kind, sheet in sheets.items():
        again = do_import(cast, kind, xlsx([sheet.headings, *sheet.rows]))
        assert counts(again) == (0, 0, len(sheet.rows), 0), kind


def test_the_workbooks_are_real(tmp_path: Path) -> None:
    sheet = campus_sheets(20)["students"]
    path = tmp_path / "students.xlsx"
    workbook(sheet.headings, sheet.with_errors, title="students").save(path)
    assert path.read_bytes().startswith(b"PK")
