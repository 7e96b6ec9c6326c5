"""A classroom's page: its beacons, and the data of its plan."""

from typing import Any

import pytest
from django.test import Client

from apps.audit.models import Entry
from apps.classrooms.models import Beacon, Classroom
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast, make_classroom

pytestmark = pytest.mark.django_db
SECRET = bytes(range(16)).hex()


@pytest.fixture
def client(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


def with_beacons(form: dict[str, Any], *rows: dict[str, Any]) -> dict[str, Any]:
    """The form with these beacons after those that are there."""
    have = int(form["beacons-TOTAL_FORMS"])
    for number, row in enumerate(rows, start=have):
        blank = {"identifier": "", "min_rssi": -90, "secret": "", "is_active": "on"}
        form |= {f"beacons-{number}-{name}": value for name, value in {**blank, **row}.items()}
    return {**form, "beacons-TOTAL_FORMS": have + len(rows)}


def test_beacons_are_entered_with_their_room(cast: Cast, client: Client) -> None:
    page = url(Classroom, "change", cast.classroom.pk)
    rows = ({"identifier": "hall-1"}, {"identifier": "hall-2", "secret": SECRET})
    answer = client.post(page, with_beacons(fields_of(client.get(page)), *rows))
    assert answer.status_code == 302, answer.context["errors"]
    with campus_scope(cast.campus):
        plain, rotating = Beacon.objects.filter(classroom=cast.classroom).order_by("identifier")
        entries = list(Entry.objects.filter(action="admin.beacon.added"))
    assert (plain.sealed_secret, bool(rotating.sealed_secret)) == (None, True)
    assert len(entries) == 2
    content = client.get(page).content.decode()
    assert SECRET not in content + str([entry.data for entry in entries])


def test_a_sealed_beacon_keeps_its_name_on_its_room_s_page(cast: Cast, client: Client) -> None:
    page = url(Classroom, "change", cast.classroom.pk)
    row = {"identifier": "hall", "secret": SECRET}
    client.post(page, with_beacons(fields_of(client.get(page)), row))
    with campus_scope(cast.campus):
        before = Beacon.objects.get(identifier="hall")
    form = {
        **fields_of(client.get(page)),
        "beacons-0-identifier": "other",
        "beacons-0-min_rssi": "-70",
    }
    assert client.post(page, form).status_code == 302
    with campus_scope(cast.campus):
        after = Beacon.objects.get(pk=before.pk)
    assert (after.identifier, after.min_rssi) == ("hall", -70)
    assert bytes(after.sealed_secret or b"") == bytes(before.sealed_secret or b"-")


@pytest.mark.parametrize(
    "row", [{"identifier": "h", "secret": "xyz"}, {"identifier": "h", "min_rssi": "5"}]
)
def test_a_wrong_beacon_is_said_at_its_field(
    cast: Cast, client: Client, row: dict[str, Any]
) -> None:
    page = url(Classroom, "change", cast.classroom.pk)
    answer = client.post(page, with_beacons(fields_of(client.get(page)), row))
    (formset,) = answer.context["inline_admin_formsets"]
    assert any(formset.formset.errors)


def test_the_plan_knows_the_room_and_its_neighbours(
    cast: Cast, other_cast: Cast, client: Client
) -> None:
    with campus_scope(cast.campus):
        near = make_classroom("102", latitude="52.51630", longitude="13.37771")
        make_classroom("103", latitude=None, longitude=None)
    page = client.get(url(Classroom, "change", cast.classroom.pk))
    plan = page.context["plan"]
    assert plan["room"]["radius"] == float(cast.classroom.geofence_radius)
    assert [one["name"] for one in plan["neighbours"]] == [str(near)]
    assert b'<script id="plan-data" type="application/json">' in page.content
    new = client.get(url(Classroom, "add"))
    assert new.context["plan"]["room"] is None


def test_who_only_reads_sees_the_plan_without_its_tools(cast: Cast) -> None:
    page = client_of(cast, cast.principal).get(url(Classroom, "change", cast.classroom.pk))
    content = page.content.decode()
    assert "data-plan-drawing" in content
    assert "data-plan-here" not in content
    assert 'name="beacons-0-identifier"' not in content
