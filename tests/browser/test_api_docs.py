"""The API's description in a real browser, without the internet."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import sign_in
from tests.factories import Cast


def try_out(page: Page, site: str, *, tag: str, operation: str) -> Locator:
    """Find an operation and send its request; where the answer's status appears."""
    page.goto(f"{site}/api/docs/")
    page.get_by_placeholder("Filter by tag").fill(tag)  # far down, it is not drawn yet
    shown = page.locator(f"#operations-{tag}-{operation}")
    shown.get_by_role("button").first.click()
    shown.get_by_role("button", name="Try it out").click()
    shown.get_by_role("button", name="Execute").click()
    return shown.locator(".live-responses-table .response-col_status").last


def test_the_api_can_be_read_and_tried_out_offline(
    page: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, site, hall.lecturer.email)
    answer = try_out(page, site, tag="people", operation="me_retrieve")
    expect(answer).to_contain_text("200")
    expect(page.get_by_role("heading", name="Campus API")).to_be_visible()
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []
    assert complaints == []


def test_a_signed_in_browser_may_write_from_the_description(
    page: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    """The page sends the CSRF token along."""
    sign_in(page, site, hall.student.email)
    answer = try_out(page, site, tag="timetable", operation="me_calendar_link_create")
    expect(answer).to_contain_text("201")
    assert complaints == []
