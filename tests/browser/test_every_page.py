"""Every page of every role: axe in light and dark, and four widths, from left and from right."""

import time

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.looks import sticking_out, violations
from tests.browser.pages import ALSO, NO_PAGE, Term, account, is_page_of, signed_in
from tests.factories import Cast
from tests.permission_matrix import ROLES, ROWS
from tests.test_permissions import every_route

OPEN_ALL = "for (const part of document.querySelectorAll('details')) part.open = true"
# The elements of the page's own part, in order.
ELEMENTS = """() => [...(document.querySelector("main") ?? document.body).querySelectorAll("*")]
  .map((one) => `${one.tagName}.${one.getAttribute("class")}`).join(" ")"""
TURN = "(dir) => { document.documentElement.dir = dir }"
WIDE, PHONE = 1280, 390


def look(page: Page) -> list[str]:
    """What is wrong with the page that was loaded: it is not loaded again."""
    page.evaluate(OPEN_ALL)
    page.emulate_media(color_scheme="light")
    said = [f"light: {found}" for found in violations(page)]
    said += [f"{WIDE} px: {found}" for found in sticking_out(page, WIDE)]
    said += [f"768 px: {found}" for found in sticking_out(page, 768)]
    page.evaluate(TURN, "rtl")
    said += [f"from the right: {found}" for found in sticking_out(page, PHONE)]
    page.evaluate(TURN, "ltr")
    page.emulate_media(color_scheme="dark")
    said += [f"dark: {found}" for found in violations(page)]
    said += [f"320 px: {found}" for found in sticking_out(page, 320)]
    said += [f"195 px: {found}" for found in sticking_out(page, 195)]  # 390 with text at 200 %
    return said


def visit(page: Page, site: str, pages: list[str], seen: set[str]) -> dict[str, list[str]]:
    """What is wrong with each of these pages that opens.

    A page whose content has the elements of one that another role was shown is not looked at
    again, but for each role's first page, which has the menu.
    """
    wrong = {}
    for number, path in enumerate(pages):
        page.set_viewport_size({"width": WIDE, "height": 800})
        answer = page.goto(f"{site}{path}")
        assert answer is not None
        if (answer.status, page.url) != (200, f"{site}{path}"):
            wrong[path] = [f"answers {answer.status} at {page.url}"]
            continue
        elements = page.evaluate(ELEMENTS)
        if number and elements in seen:
            continue
        seen.add(elements)
        import time
        began = time.monotonic()
        if said := look(page):
            wrong[path] = said
        print(path, round(time.monotonic() - began, 2))
    page.goto("about:blank")
    return wrong


@pytest.mark.parametrize(
    "roles",
    [
        ("anonymous", "student", "representative"),
        ("faculty",),
        ("admin", "super_admin", "operator", "principal"),
    ],
    ids=lambda roles: roles[0],
)
def test_pages_of_ours(browser: Browser, site: str, hall: Cast, roles: tuple[str, ...]) -> None:
    term = Term(hall)
    seen: set[str] = set()
    wrong = {}
    for role in roles:
        context = signed_in(browser, site, account(hall, role))
        found = visit(context.new_page(), site, [path for _r, path in term.pages(role)], seen)
        wrong |= {f"{role} {path}": said for path, said in found.items()}
        context.close()
    import json
    open("/tmp/wrong-" + roles[0] + ".json", "w").write(json.dumps(wrong, indent=1))
    assert not wrong


@pytest.mark.parametrize("who", ["anonymous", "student", "admin"])
def test_pages_of_libraries(browser: Browser, site: str, hall: Cast, who: str) -> None:
    term = Term(hall)
    pages = [path for _r, path in term.library_pages("admin/" if who == "admin" else "accounts/")]
    if who == "admin":
        pages += [path for _r, path in term.rows_of_the_administration()]
    context = signed_in(browser, site, account(hall, who))
    wrong = visit(context.new_page(), site, pages, set())
    context.close()
    import json
    open("/tmp/wrong-lib-" + who + ".json", "w").write(json.dumps(wrong, indent=1))
    assert not wrong
