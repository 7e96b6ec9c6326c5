"""The administration in a real browser: start page, policies, classrooms, and what axe says."""

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from apps.attendance.models import Policy
from apps.classrooms.models import Beacon, Classroom
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.factories import Cast, make_classroom, make_user

DEGREE_M = 111_195  # of latitude


@pytest.fixture
def office(page: Page, site: str, hall: Cast) -> Page:
    sign_in(page, site, hall.admin.email)
    return page


def test_tables_are_found_by_what_they_hold(
    office: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    office.goto(f"{site}/admin/")
    office.get_by_label("Find a table").fill("WHO DID")
    expect(office.get_by_role("link", name=re.compile("^Audit log"))).to_be_visible()
    expect(office.locator("[data-table]:visible")).to_have_count(1)
    office.get_by_label("Find a table").fill("zzz")
    expect(office.get_by_text("No table fits.")).to_be_visible()
    office.keyboard.press("Escape")
    expect(office.locator("[data-table]:visible").first).to_be_visible()
    office.get_by_label("Find a table").fill(hall.student.code)
    office.keyboard.press("Enter")
    expect(office.get_by_role("link", name=hall.student.code, exact=True)).to_be_visible()
    office.get_by_role("link", name="Portal").click()
    expect(office.get_by_role("heading", name="Overview")).to_be_visible()
    office.get_by_role("link", name="Administration").click()
    expect(office).to_have_url(f"{site}/admin/")
    assert complaints == []


def score(page: Page, label: str) -> Locator:
    return page.get_by_role("row", name=label).get_by_role("cell").first


def test_a_policy_says_what_check_ins_score_while_it_is_typed(
    office: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    office.goto(f"{site}/admin/attendance/policy/add/")
    expect(score(office, "Without place and beacon")).to_have_text("0.84")
    office.fill("#id_weight_location", "0")
    office.fill("#id_weight_bluetooth", "0")
    expect(score(office, "Without place and beacon")).to_have_text("1.00")
    office.get_by_label("Score needed").fill("0.9")
    far = office.get_by_role("row", name="Without network, sent later")
    expect(far).to_contain_text("is refused")
    office.fill("#id_weight_location", "0.5")
    expect(office.get_by_text("Location weighs at most 0.2.")).to_be_visible()
    office.fill("#id_weight_location", "0.1")
    expect(score(office, "Everything is proven")).to_have_text("1.00")
    office.select_option("#id_passkey", "required")
    expect(office.get_by_role("row", name="Without a passkey")).to_contain_text("is refused")
    with campus_scope(hall.campus):
        assert not Policy.objects.exists()
    office.get_by_role("button", name="Save", exact=True).click()
    expect(office.get_by_text("was added successfully")).to_be_visible()
    with campus_scope(hall.campus):
        policy = Policy.objects.get()
    assert (policy.passkey, policy.weights["location"]) == ("required", 0.1)
    assert complaints == []


def place(page: Page) -> tuple[float, float, float]:
    """Latitude, longitude and radius as the form has them."""
    names = ("latitude", "longitude", "geofence_radius")
    latitude, longitude, radius = (float(page.input_value(f"#id_{name}")) for name in names)
    return latitude, longitude, radius


def test_a_classroom_is_moved_on_its_plan(
    office: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    office.goto(f"{site}/admin/classrooms/classroom/{hall.classroom.pk}/change/")
    latitude, longitude, radius = place(office)
    plan = office.get_by_role("application", name="Plan of the room and its geofence")
    plan.focus()
    for key in ("ArrowUp", "ArrowUp", "Shift+ArrowRight", "+", "+", "-"):
        office.keyboard.press(key)
    moved = place(office)
    assert (moved[0] - latitude) * DEGREE_M == pytest.approx(2, abs=0.05)
    assert (moved[1] - longitude) * DEGREE_M * 0.6085 == pytest.approx(10, abs=0.1)
    assert moved[2] == radius + 1
    expect(office.get_by_text("Moved by 10 m since the page was opened.")).to_be_visible()

    edge = office.locator(".plan-edge").bounding_box()
    assert edge is not None
    office.mouse.move(edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2)
    office.mouse.down()
    office.mouse.move(edge["x"] - 40, edge["y"], steps=5)
    office.mouse.up()
    assert place(office)[2] < radius
    middle = office.locator(".plan-middle").bounding_box()
    assert middle is not None
    office.mouse.move(middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2)
    office.mouse.down()
    office.mouse.move(middle["x"], middle["y"] + 60, steps=5)
    office.mouse.up()
    assert place(office)[0] < moved[0]

    office.fill("#id_geofence_radius", "200")
    expect(office.get_by_text("Radius 200 m.")).to_be_visible()
    dragged = place(office)
    office.get_by_role("button", name="Save", exact=True).click()
    expect(office.get_by_text("was changed successfully")).to_be_visible()
    with campus_scope(hall.campus):
        room = Classroom.objects.get(pk=hall.classroom.pk)
    assert (float(room.latitude or 0), float(room.geofence_radius)) == (dragged[0], 200)
    assert complaints == []


def test_a_room_without_a_place_takes_that_of_the_browser(
    office: Page, site: str, hall: Cast, context: BrowserContext
) -> None:
    with campus_scope(hall.campus):
        room = make_classroom("900", latitude=None, longitude=None)
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"latitude": 47.3769, "longitude": 8.5417, "accuracy": 12})
    office.goto(f"{site}/admin/classrooms/classroom/{room.pk}/change/")
    expect(office.get_by_text("This room has no place yet.")).to_be_visible()
    expect(office.locator("[data-plan-drawing]")).to_be_hidden()
    office.get_by_role("button", name="Use my position").click()
    expect(office.get_by_text("Your position, to within 12 m.")).to_be_visible()
    assert place(office)[:2] == pytest.approx((47.3769, 8.5417))
    context.clear_permissions()
    office.get_by_role("button", name="Use my position").click()
    expect(office.get_by_text("Allow it for this page")).to_be_visible()
    office.get_by_role("link", name="Add another Beacon").click()
    office.fill("#id_beacons-0-identifier", "hall-900")
    office.get_by_role("button", name="Save", exact=True).click()
    expect(office.get_by_text("was changed successfully")).to_be_visible()
    with campus_scope(hall.campus):
        assert Beacon.objects.get().classroom == room


def test_domains_get_further_rows(page: Page, site: str, hall: Cast) -> None:
    with campus_scope(hall.campus):
        root = make_user("root@platform.example", is_superuser=True)
    sign_in(page, site, root.email)
    page.goto(f"{site}/admin/tenants/campus/{hall.campus.pk}/change/")
    rows = page.locator("input[name=email_domains]")
    before = rows.count()
    page.locator("[data-rows-add]").first.click()
    page.keyboard.type("north.example")
    expect(rows).to_have_count(before + 1)
    assert violations(page) == []
