"""Every page of every role: axe in light and dark, and five widths, from the left and the right."""

from collections.abc import Iterable

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.looks import OF_COLOURS, sticking_out, violations
from tests.browser.pages import (
    NO_PAGE,
    Term,
    account,
    account_pages,
    is_page_of,
    pages_of_the_administration,
    signed_in,
)
from tests.factories import Cast
from tests.permission_matrix import ROLES, ROWS

# Each row shares a campus, and of the pages that several of its roles open all but the first.
GROUPS = [
    ("anonymous", "student", "representative"),
    ("faculty",),
    ("admin", "super_admin", "operator", "principal"),
]
WIDE, PHONE = 1280, 390
OPEN_ALL = "for (const part of document.querySelectorAll('details')) part.open = true"
# The administration's theme asks for the scheme only while it loads.
DARK = """() => {
  const root = document.documentElement;
  if (!root.dataset.bsTheme) root.classList.add("dark");
}"""
TURN = "(dir) => { document.documentElement.dir = dir }"


def look(page: Page) -> list[str]:
    """What is wrong with the page that was loaded: it is not loaded again."""
    page.evaluate(OPEN_ALL)
    said = [f"light: {found}" for found in violations(page)]
    said += [f"{WIDE} px: {found}" for found in sticking_out(page, WIDE)]
    said += [f"768 px: {found}" for found in sticking_out(page, 768)]
    page.evaluate(TURN, "rtl")
    said += [f"{PHONE} px, from the right: {found}" for found in sticking_out(page, PHONE)]
    page.evaluate(TURN, "ltr")
    page.emulate_media(color_scheme="dark")
    page.evaluate(DARK)
    said += [f"dark: {found}" for found in violations(page, *OF_COLOURS)]
    said += [f"320 px: {found}" for found in sticking_out(page, 320)]
    said += [f"195 px: {found}" for found in sticking_out(page, 195)]  # 390 with text at 200 %
    return said


def visit(page: Page, site: str, path: str) -> list[str] | None:
    """What is wrong with the page at this address; None if another page answers there."""
    page.set_viewport_size({"width": WIDE, "height": 800})
    page.emulate_media(color_scheme="light")
    answer = page.goto(f"{site}{path}")
    if answer is None or (answer.status, page.url) != (200, f"{site}{path}"):
        return None
    return [said for said in look(page) if not is_left_alone(path, said)]


def is_left_alone(path: str, said: str) -> bool:
    """The theme's forms of the administration, with dates in two fields, need 256 px."""
    return path.startswith("/admin/") and path.endswith(("/add/", "/change/")) and "195 px" in said


@pytest.mark.slow
@pytest.mark.usefixtures("_web_push")
@pytest.mark.parametrize("roles", GROUPS, ids=lambda roles: roles[0])
def test_every_page(browser: Browser, site: str, hall: Cast, roles: tuple[str, ...]) -> None:
    seen = set[str]()
    wrong: dict[str, list[str]] = {}
    term = Term(hall)
    for role in roles:
        context = signed_in(browser, site, account(hall, role))
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message, said=complaints: note(message, said))
        for path in term.pages(role, seen):
            said = visit(page, site, path)
            wrong[f"{role} {path}"] = [f"leads to {page.url}"] if said is None else said
        for path in more_pages(hall, role):
            wrong[f"{role} {path}"] = visit(page, site, path) or []
        page.goto("about:blank")
        context.close()
        wrong[f"{role}'s console"] = complaints
    assert {path: said for path, said in wrong.items() if said} == {}


def note(message: ConsoleMessage, said: list[str]) -> None:
    """Errors, such as breaches of the content security policy; refused requests are no such."""
    if message.type == "error" and "Failed to load resource" not in message.text:
        said.append(message.text)


def more_pages(cast: Cast, role: str) -> Iterable[str]:
    """Pages of libraries, which stand in no matrix."""
    if role in ("anonymous", "student"):
        return account_pages()
    return pages_of_the_administration(cast.campus) if role == "admin" else []


def test_every_address_is_visited_or_says_why_not() -> None:
    visited = [role for group in GROUPS for role in group]
    left_out = {
        row.route
        for row in ROWS
        if row.method == "get" and not row.route.startswith("api/") and row.route not in NO_PAGE
        if not any(is_page_of(row, role) for role in visited)
    }
    assert left_out == set()
    assert set(ROLES) - set(visited) == {"classmate", "stranger", "outsider"}  # as their fellows
