"""What a file leaves open, asked and answered on one page."""

import pytest
from playwright.sync_api import Page, expect

from apps.enrollments.models import Grade
from apps.imports.models import ImportAnswer
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.looks import sticking_out, violations
from tests.factories import Cast
from tests.imports.support import csv_file
from tests.imports.test_runs import work


@pytest.fixture
def office(page: Page, site: str, hall: Cast) -> Page:
    sign_in(page, site, hall.admin.email)
    return page


def upload(page: Page, site: str, cast: Cast, data: bytes) -> None:
    page.goto(f"{site}/admin/imports/importrun/add/")
    page.select_option("#id_kind", "grades")
    file = {"name": "grades.csv", "mimeType": "text/csv", "buffer": data}
    page.set_input_files("#id_file", [file])
    page.get_by_role("button", name="Check the file").click()
    page.wait_for_url("**/change/")
    work(cast)
    page.reload()


def test_questions_are_answered_on_one_page_before_anything_is_saved(
    office: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    number = hall.student.code
    rows = [
        ["ID", "Roll no", "Subject code", "Marks", "Grade", "Date"],
        ["1", number, "CS201", "70", "B", "09/01/2026"],
        ["2", number, "CS201", "80", "A", "12/11/2026"],
    ]
    upload(office, site, hall, csv_file(rows))
    expect(
        office.get_by_role("heading", name="2 questions about this file are open")
    ).to_be_visible()
    expect(office.get_by_role("button", name="Save")).to_have_count(0)
    dates = office.get_by_role("group", name="Dates in “Date” can be read in several ways")
    first = dates.get_by_role("row", name="row 2: 09/01/2026")
    expect(first.get_by_role("cell")).to_have_text(["2026-01-09", "2026-09-01", "wrong row"])
    assert violations(office) == []
    assert sticking_out(office, 390) == []
    assert sticking_out(office, 1280) == []  # and as wide as it was

    expect(office.get_by_text("Which column means what")).to_have_count(0)
    dates.get_by_label("Month first").check()
    office.get_by_role("radio", name="Roll no").check()
    office.get_by_role("button", name="Answer, and check the file again").click()
    work(hall)
    office.reload()
    expect(office.get_by_role("heading", name="How this file is read")).to_be_visible()
    expect(dates.get_by_text(f"by {hall.admin}")).to_be_visible()
    assert violations(office) == []
    with campus_scope(hall.campus):
        assert not Grade.objects.exists()
    office.get_by_role("button", name="Save", exact=True).click()
    work(hall)
    office.reload()
    expect(office.get_by_role("heading", name="Saved.")).to_be_visible()
    with campus_scope(hall.campus):
        given = Grade.objects.order_by("given_on").values_list("given_on", flat=True)
        assert [str(found) for found in given] == ["2026-09-01", "2026-12-11"]

    upload(office, site, hall, csv_file(rows[:2]))
    expect(dates.get_by_text("Taken over from an earlier file.")).to_be_visible()
    dates.get_by_label("Forget this answer").check()
    office.get_by_role("button", name="Check again").first.click()
    work(hall)
    office.reload()
    expect(office.get_by_role("heading", name="1 question about this file is open")).to_be_visible()
    with campus_scope(hall.campus):
        assert [answer.key for answer in ImportAnswer.objects.all()] == ["column:student"]
    assert complaints == []
