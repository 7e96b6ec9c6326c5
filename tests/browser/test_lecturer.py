"""What lecturers meet on the way: signed out in the middle, any screen, a full hall, paper."""

import io
from datetime import timedelta
from itertools import pairwise

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from apps.accounts.models import Membership, Role, Student
from apps.attendance.models import AttendanceRecord, Policy
from apps.audit.services import SYSTEM
from apps.enrollments.models import Subject
from apps.integrity.services.rapid_codes import challenge_start
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.crowd import CROWD, REFUSED, WAITING, crowded_session
from tests.browser.looks import DRAWN, violations
from tests.browser.pages import COURSE_NAME, LAST_NAME
from tests.browser.test_class import PHONE
from tests.factories import PASSWORD, Cast, make_session
from tests.leave.support import opened

SCREENS = [(720, 450), (1024, 768), (1280, 720), (1920, 1080), (2560, 1080), (3840, 2160)]
# In which of the projector's states, each forced and looked at in one step: the board's next
# answer would change it back.
CHALLENGE = """for (const [name, hidden] of [["usual", true], ["challenge", false]])
  document.querySelector(`[data-when-${name}]`).hidden = hidden;"""
STATES = {
    "code": "",
    "challenge": CHALLENGE,
    "count": "document.querySelector('[data-arrivals-choice=count]').click();",
    "names": "document.querySelector('[data-arrivals-choice=names]').click();",
    "names in a challenge": CHALLENGE,
    "initials": "document.querySelector('[data-arrivals-choice=initials]').click();",
}
# Texts that lie on each other.
OVERLAPPING = """() => {
  const page = document.querySelector(".projector");
  const texts = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  const boxes = [];
  while (texts.nextNode()) {
    const node = texts.currentNode;
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest(".menu-panel, .visually-hidden, script")) continue;
    if (!parent.checkVisibility({ visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    boxes.push([node.data.trim().slice(0, 20), parent.closest("p, h1, h2, li"),
      range.getBoundingClientRect()]);
  }
  return boxes.flatMap(([one, of, a], i) => boxes.slice(i + 1)
    .filter(([, other, b]) => other !== of && a.left < b.right - 2 && b.left < a.right - 2
      && a.top < b.bottom - 2 && b.top < a.bottom - 2)
    .map(([two]) => `${one} / ${two}`));
}"""
# Everything that is read from the last row lies whole on the screen, and nothing is cut.
CLIPPED = """() => [...document.querySelectorAll(
  '.projector :is(h1, p, strong, li, .qr-tile, button, a, summary, progress)')]
  .filter((e) => e.checkVisibility({visibilityProperty: true}) && !e.closest('.menu-panel'))
  .filter((e) => {
    const box = e.getBoundingClientRect();
    return box.left < -1 || box.top < -1 || box.right > innerWidth + 1
      || box.bottom > innerHeight + 1 || e.scrollWidth > e.clientWidth + 2 && e.matches('p, h1');
  })
  .map((e) => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 30)}`)"""


@pytest.fixture
def lesson(hall: Cast) -> ClassSession:
    with campus_scope(hall.campus):
        return make_session(hall.course, starts_at=timezone.now() - timedelta(minutes=1))


@pytest.fixture
def started(page: Page, site: str, hall: Cast, lesson: ClassSession) -> ClassSession:
    """An open session whose lecturer is signed in."""
    sign_in(page, site, hall.lecturer.email)
    page.get_by_label("Topic").first.fill("Sets")
    page.get_by_role("button", name="Start").first.click()
    page.wait_for_url("**/projector")
    return lesson


def end_session(page: Page) -> None:
    """As when it ran out: the browser is signed out and its pages do not know."""
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)


# --- Twice, and signed out -------------------------------------------------------------------


def test_a_double_click_on_start_ends_on_the_projector(
    page: Page, site: str, hall: Cast, lesson: ClassSession, complaints: list[str]
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.get_by_label("Topic").first.fill("Sets")
    page.get_by_role("button", name="Start").first.dblclick()
    page.wait_for_url("**/projector")
    expect(page.locator("[data-qr] svg")).to_be_visible()
    assert complaints == []


def test_a_start_after_the_sign_in_ended_is_done_afterwards(
    page: Page, site: str, hall: Cast, lesson: ClassSession
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.get_by_label("Topic").first.fill("Shortest paths")
    end_session(page)
    page.get_by_role("button", name="Start").first.click()
    page.fill("input[name=login]", hall.lecturer.email)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    expect(page.get_by_role("heading", name="Not done yet")).to_be_visible()
    expect(page.get_by_text("Shortest paths")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Do it now").click()
    page.wait_for_url("**/projector")


def test_a_mark_after_the_sign_in_ended_says_that_it_is_not_saved(
    page: Page, site: str, hall: Cast, started: ClassSession
) -> None:
    page.goto(f"{site}/teach/sessions/{started.pk}/")
    row = page.locator("[data-student]", has_text=hall.classmate.full_name)
    row.get_by_role("button", name="Mark").click()
    dialog = page.locator("#mark-dialog")
    dialog.get_by_text("Present", exact=True).click()
    dialog.get_by_label("Reason").fill("Seen in class")
    end_session(page)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("You are signed out. Nothing was saved")).to_be_visible()
    with page.context.expect_page() as opened:
        dialog.get_by_role("link", name="Sign in in a new tab").click()
    sign_in(opened.value, site, hall.lecturer.email)
    opened.value.close()
    page.bring_to_front()
    with page.expect_response("**/form-token"):  # the page's own was from before
        dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("send it again")).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    with campus_scope(hall.campus):
        assert AttendanceRecord.objects.get().status == "present"


# --- The projector ---------------------------------------------------------------------------


@pytest.fixture
def full_hall(hall: Cast) -> ClassSession:
    return crowded_session(hall)


@pytest.mark.parametrize("names", ["short", "long"])
def test_the_projector_fits_every_screen(
    page: Page, site: str, hall: Cast, names: str, full_hall: ClassSession
) -> None:
    if names == "long":
        with campus_scope(hall.campus):
            Subject.objects.filter(pk=hall.course.subject_id).update(name=COURSE_NAME)
            Student.objects.filter(code__startswith="S0").update(last_name=LAST_NAME)
    sign_in(page, site, hall.lecturer.email)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{site}/teach/sessions/{full_hall.pk}/projector")
    page.wait_for_selector("[data-qr] svg")
    wrong = {}
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(DRAWN)
        for state, change in STATES.items():
            found = page.evaluate(
                f"""() => {{ {change} dispatchEvent(new Event("resize"));
                  return [...({CLIPPED})(), ...({OVERLAPPING})()]; }}"""
            )
            if found:
                wrong[width, height, state] = found
        tile = page.locator(".qr-tile").bounding_box()
        assert tile
        # As large as the height allows, unless the page is too narrow for it.
        most = (0.8 if names == "short" else 0.76) * height
        assert tile["height"] >= min(most, 0.55 * width), (width, height, tile)
    assert wrong == {}


def test_a_one_time_code_fits_every_screen(page: Page, site: str, hall: Cast) -> None:
    with campus_scope(hall.campus):
        Student.objects.filter(pk=hall.student.pk).update(last_name=LAST_NAME)
        session = opened(hall, timezone.now())
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{session.pk}/code")
    page.get_by_role("searchbox", name="Student", exact=True).fill(hall.student.code)
    page.get_by_role("button", name=LAST_NAME).click()
    page.get_by_role("button", name="Show it large").click()
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        boxes = [one.bounding_box() for one in page.locator(".code-large > *").all()]
        for box in filter(None, boxes):
            assert box["x"] >= 0, (width, height)
            assert box["y"] >= 0, (width, height)
            assert box["x"] + box["width"] <= width, (width, height)
            assert box["y"] + box["height"] <= height, (width, height)
        assert all(
            one["y"] + one["height"] <= two["y"] + 1 for one, two in pairwise(filter(None, boxes))
        )


def test_the_countdown_is_the_typed_codes(page: Page, site: str, started: ClassSession) -> None:
    seconds = page.locator("[data-seconds]")
    seen = set()
    for _look in range(60):
        seen.add(int(seconds.inner_text()))
        if max(seen) > 5:
            break
        page.wait_for_timeout(200)
    assert 5 < max(seen) <= 30
    host = site.partition("://")[2]
    expect(page.locator(".projector-address")).to_have_text(f"{host}/c")


def test_nothing_is_to_be_typed_during_a_challenge(
    page: Page, hall: Cast, started: ClassSession
) -> None:
    with campus_scope(hall.campus):
        started.refresh_from_db()
        challenge_start(session=started, now=timezone.now(), actor=SYSTEM)
    expect(page.get_by_text("There is nothing to type.")).to_be_visible(timeout=15_000)
    expect(page.locator("[data-code-text]")).to_be_hidden()
    expect(page.locator("[data-code-text]")).to_be_visible(timeout=15_000)


def test_names_of_arrivals_are_shown_only_by_choice(
    page: Page, site: str, hall: Cast, full_hall: ClassSession
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{full_hall.pk}/projector")
    expect(page.locator("[data-arrivals] li").first).to_contain_text("S. 0.")
    menu = page.locator(".projector-tools summary")
    menu.click()
    page.get_by_role("button", name="their names").click()
    expect(page.locator("[data-arrivals] li").first).to_contain_text("Student Number")
    menu.click()
    page.get_by_role("button", name="only how many there are").click()
    expect(page.get_by_text("Just arrived")).to_be_hidden()
    page.reload()
    page.wait_for_selector("[data-qr] svg")
    expect(page.get_by_text("Just arrived")).to_be_hidden()  # remembered
    page.evaluate("localStorage.clear()")
    with campus_scope(hall.campus):
        Policy.objects.create(version=1, arrivals="names", created_at=timezone.now())
    page.reload()
    expect(page.locator("[data-arrivals] li").first).to_contain_text("Student Number")
    assert violations(page) == []


# --- The board -------------------------------------------------------------------------------


def test_three_hundred_students_on_a_phone(
    page: Page, site: str, hall: Cast, full_hall: ClassSession, complaints: list[str]
) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.emulate_media(reduced_motion="reduce")  # scrolling is over when it is measured
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{full_hall.pk}/")
    rows = page.locator("[data-student]")
    expect(rows).to_have_count(CROWD)
    refused, waiting = rows.filter(has_text=REFUSED), rows.filter(has_text=WAITING)
    expect(refused).to_contain_text("Refused")
    expect(refused).not_to_contain_text("Not marked")
    expect(waiting).to_contain_text("Waiting")
    colors = {
        row.locator(".badge-status").last.evaluate("e => getComputedStyle(e).color")
        for row in (refused, waiting, rows.filter(has_text="Number 0000"))
    }
    assert len(colors) == 3
    expect(page.get_by_text("Score needed")).to_be_visible()
    # The reason, by keyboard alone.
    refused.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(refused.get_by_text("another device than the bound one")).to_be_visible()
    # Compact, and the tools stay beside the rows.
    box = rows.filter(has_text="Number 0005").bounding_box()
    assert box
    assert box["height"] < 96  # a name of two lines, and one below
    rows.filter(has_text="Number 0150").scroll_into_view_if_needed()
    many = page.get_by_role("button", name="Mark many")
    expect(many).to_be_in_viewport()
    many.click()
    assert covered_by_bars(page) == []
    page.fill("#board-search", "0151")
    expect(rows.filter(visible=True)).to_have_count(1)
    page.fill("#board-search", "")
    page.get_by_role("button", name="Refused").click()
    expect(rows.filter(visible=True)).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert complaints == []


def covered_by_bars(page: Page) -> list[str]:
    """Rows that the focus reached and that lay under the search or the bar."""
    covered = []
    for _step in range(25):
        page.keyboard.press("ArrowDown")
        covered += page.evaluate("""() => {
          const row = document.activeElement.getBoundingClientRect();
          const bar = document.getElementById('marking-bar').getBoundingClientRect();
          const tools = document.querySelector('.board-tools').getBoundingClientRect();
          const under = row.bottom > bar.top + 1 || row.top < tools.bottom - 1;
          return under ? [document.activeElement.textContent.trim().slice(0, 20)] : [];
        }""")
    return covered


def test_the_legend_says_what_the_signs_mean(
    page: Page, site: str, hall: Cast, full_hall: ClassSession
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{full_hall.pk}/")
    page.get_by_text("What the signs mean").click()
    expect(page.get_by_text("A check-in counts from 60 %.")).to_be_visible()


def test_a_register_of_three_hundred_prints_on_six_pages(
    page: Page, site: str, hall: Cast, full_hall: ClassSession
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{full_hall.pk}/")
    expect(page.locator("[data-student]")).to_have_count(CROWD)
    printed = PdfReader(io.BytesIO(page.pdf(format="A4")))
    assert len(printed.pages) <= 6
    text = "\n".join(sheet.extract_text() for sheet in printed.pages)
    for number in (0, 150, CROWD - 6):
        assert f"Number {number:04}" in text


# --- Menus, week, plan, reports --------------------------------------------------------------


@pytest.mark.parametrize("who", ["lecturer", "principal", "admin", "everything"])
def test_menus_cover_nothing(page: Page, site: str, hall: Cast, who: str) -> None:
    people = {"lecturer": hall.lecturer, "principal": hall.principal, "admin": hall.admin}
    with campus_scope(hall.campus):
        hall.campus.name = "University of Northern Something"
        hall.campus.save()
        if who == "everything":  # who teaches, studies and administers has the longest menu
            assert hall.student.user is not None
            for role in (Role.FACULTY, Role.ADMIN):
                Membership.objects.create(user=hall.student.user, role=role)
    sign_in(page, site, people.get(who, hall.student).email)
    for width in (768, 820, 900, 1024, 1280):
        page.set_viewport_size({"width": width, "height": 1180})
        overlaps = page.evaluate("""() => {
          const boxes = [...document.querySelectorAll(
            '.brand span, .site-nav a, .site-header-inner > .icon-button, .menu > summary')]
            .map((e) => e.getBoundingClientRect());
          return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => a.left < b.right - 1
            && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length;
        }""")
        assert overlaps == 0, width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_week_is_a_timetable_on_a_wide_screen(
    page: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    with campus_scope(hall.campus):
        at = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0)
        early = make_session(hall.course, starts_at=at, topic="Early")
        make_session(hall.course, starts_at=at + timedelta(hours=3), topic="Later")
    page.set_viewport_size({"width": 1440, "height": 900})
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/week/")
    boxes = [page.locator(".week-session", has_text=t).bounding_box() for t in ("Early", "Later")]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] == pytest.approx(boxes[1]["x"], abs=1)
    hours = (boxes[1]["y"] - boxes[0]["y"]) / (boxes[0]["height"] + 2) * 1.5
    assert hours == pytest.approx(3, abs=0.1)  # 90 minutes are as high as half of the way
    assert violations(page) == []
    page.locator(".week-session", has_text="Early").get_by_role("link").click()
    page.wait_for_url(f"**/teach/sessions/{early.pk}/")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"{site}/week/")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert complaints == []


def test_a_session_is_planned_moved_and_cancelled_by_clicks(
    page: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.get_by_role("link", name="Courses").click()
    page.get_by_role("link", name=hall.course.subject.name).click()
    page.get_by_role("link", name="Plan a session").click()
    day = timezone.localdate() + timedelta(days=2)
    page.get_by_label("Day").fill(str(day))
    page.get_by_label("Start").fill("10:00")
    page.get_by_label("End").fill("11:30")
    page.get_by_label("Topic").fill("Extra exercises")
    assert violations(page) == []
    page.get_by_role("button", name="Plan it").click()
    expect(page.get_by_text("The session is planned.")).to_be_visible()
    page.get_by_role("link", name="Change").click()
    assert violations(page) == []
    page.get_by_label("Start").fill("12:00")
    page.get_by_label("End").fill("13:30")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("12:00–13:30")).to_be_visible()
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Why; the students read it").fill("Ill")
    page.get_by_role("button", name="Cancel the session").click()
    expect(page.get_by_text("The session is cancelled.")).to_be_visible()
    with campus_scope(hall.campus):
        assert ClassSession.objects.get().status == "cancelled"
    assert complaints == []


def test_reports_draw_their_weeks(
    page: Page, site: str, hall: Cast, full_hall: ClassSession, complaints: list[str]
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/reports/?report=attendance&course={hall.course.pk}")
    page.wait_for_selector("[data-chart][data-drawn]")
    assert page.evaluate(
        """() => { const c = document.querySelector('[data-chart] canvas');
          const drawn = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
          return drawn.some((value) => value > 0); }"""
    )
    page.get_by_text("The figures as a table").click()
    figures = page.get_by_role("region", name="Figures of attendance by week")
    expect(figures).to_contain_text("180")
    assert violations(page) == []
    page.get_by_role("link", name="S0000").click()
    expect(page.get_by_role("heading", name="Student Number 0000")).to_be_visible()
    assert complaints == []
