"""The campus itself, its addresses and its rooms."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.classrooms.models import Beacon, Building, Classroom
from apps.common.cache import invalidate
from apps.common.errors import Refused
from apps.tenants.models import Campus, Domain
from apps.tenants.selectors import host_cache_key

# Where a newcomer's browser finds the first demo campus; get_host() keeps the brackets of IPv6.
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")


def campus_ensure(
    *, slug: str, facts: dict[str, Any], made: Counter[str], hosts: Sequence[str] = ()
) -> Campus:
    """The demo campus of this short name, made if need be, with face verification on, at
    <slug>.localhost, the local addresses and `hosts`, where these lead nowhere yet.

    Raises `Refused` (not_a_demo) where another campus has the name: made-up people do not belong
    among real ones.
    """
    campus, created = Campus.objects.get_or_create(
        slug=slug,
        defaults={
            "name": facts["name"],
            "email_domains": [f"{slug}.example"],
            "years_of_study": facts["years_of_study"],
            "face_enabled": True,
        },
    )
    check_is_demo(campus, facts=facts)
    made["campuses"] += created
    _domains_ensure(campus, made, hosts)
    return campus


def check_is_demo(campus: Campus, *, facts: dict[str, Any]) -> None:
    """Raises `Refused` (not_a_demo)."""
    if campus.name != facts["name"]:
        raise Refused(
            "not_a_demo",
            _("The campus “%(slug)s” is not the demo: it is called “%(name)s”.")
            % {"slug": campus.slug, "name": campus.name},
        )


def _domains_ensure(campus: Campus, made: Counter[str], hosts: Sequence[str]) -> None:
    for host in (f"{campus.slug}.localhost", *LOCAL_HOSTS, *hosts):
        _domain, created = Domain.objects.get_or_create(host=host, defaults={"campus": campus})
        made["domains"] += created
        if created:
            invalidate(host_cache_key(host))


def rooms_ensure(*, facts: dict[str, Any], made: Counter[str]) -> dict[str, Classroom]:
    """The classrooms by room number, each with its geofence and one beacon."""
    rooms = {}
    for row in facts["classrooms"]:
        building, created = Building.objects.get_or_create(name=row["building"])
        made["buildings"] += created
        room, created = Classroom.objects.get_or_create(
            building=building,
            room_number=row["room_number"],
            defaults={
                name: row[name]
                for name in ("floor", "capacity", "latitude", "longitude", "geofence_radius")
            },
        )
        made["classrooms"] += created
        _beacon, created = Beacon.objects.get_or_create(
            identifier=row["beacon"], defaults={"classroom": room}
        )
        made["beacons"] += created
        rooms[room.room_number] = room
    return rooms
