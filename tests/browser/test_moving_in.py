"""An older system moves in by a browser: uploaded, checked and saved by a real worker."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.contrib.testing.worker import start_worker
from playwright.sync_api import Page, expect

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord
from apps.legacy.models import LegacyMove
from apps.tenants.scope import campus_scope
from campus.celery import app
from tests.browser.conftest import sign_in
from tests.factories import Cast, make_user
from tests.legacy.support import sqlite_file
from tests.legacy.test_pgf import SCHEMA

SLOW = 60_000  # ms


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    with start_worker(app, pool="solo", perform_ping_check=False, queues="celery,default,imports"):
        yield


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A school of thirty students and ten meetings, in a ZIP as a person packs it."""
    students = [
        (n, f"P{n}", f"Student {n}", f"p{n}@north.example", None, 1, None, None, 1, "2026-01-01")
        for n in range(1, 31)
    ]
    sessions = [
        (n, 1, f"Meeting {n}", f"2026-03-{n:02} 09:00:00", f"2026-03-{n:02} 10:00:00")
        for n in range(1, 11)
    ]
    records = [
        (31 * held + n, held, n, 0.9, f"2026-03-{held:02} 09:01:00", "{}")
        for held in range(1, 11)
        for n in range(1, 31)
        if (held + n) % 3
    ]
    database = sqlite_file(
        tmp_path / "attendance.db",
        SCHEMA,
        classes=[(1, "Biology", "2025-01-01")],
        students=[*students, (31, "P31", "", None, None, 1, None, None, 1, None)],
        attendance_sessions=sessions,
        attendance_records=[*records, (999, 77, 1, 0.9, "2026-03-01 09:00:00", "{}")],
    )
    path = tmp_path / "old-school.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(database, "old school/attendance.db")
    return path


@pytest.mark.slow
def test_an_older_system_is_checked_and_moved_in(
    page: Page, site: str, hall: Cast, archive: Path, worker: None, tmp_path: Path,
    complaints: list[str],
) -> None:  # fmt: skip
    make_user("root@platform.example", is_superuser=True)
    sign_in(page, site, "root@platform.example")
    page.goto(f"{site}/admin/legacy/legacymove/")
    page.get_by_role("link", name="Add older system").first.click()
    expect(page.get_by_role("button", name="Check the file")).to_be_visible()
    page.screenshot(path=tmp_path / "upload.png")
    page.select_option("select[name=system]", "pgf")
    page.set_input_files("input[type=file]", archive)
    page.get_by_role("button", name="Check the file").click()
    checked = page.get_by_text("Every row is accounted for. Nothing has been saved yet.")
    expect(checked).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("rowheader", name="attendance_records")).to_be_visible()
    expect(page.get_by_text("1: Names no session that was brought.")).to_be_visible()
    page.screenshot(path=tmp_path / "checked.png", full_page=True)
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    download.value.save_as(tmp_path / "report.json")
    said = json.loads((tmp_path / "report.json").read_text())
    assert (said["unexplained"], said["saved"]) == (0, False)
    with campus_scope(hall.campus):
        assert not Student.objects.filter(code="P1").exists()
    page.get_by_role("button", name="Move it in").click()
    saved = page.get_by_text("Every row is accounted for. Saved.")
    expect(saved).to_be_visible(timeout=SLOW)
    page.screenshot(path=tmp_path / "saved.png", full_page=True)
    with campus_scope(hall.campus):
        assert Student.objects.filter(code__startswith="P").count() == 30
        marks = AttendanceRecord.objects.filter(source="imported")
        assert marks.filter(status="present").count() == 200
        assert marks.filter(status="absent").count() == 100
        assert LegacyMove.objects.get().status == "done"
    assert complaints == []
