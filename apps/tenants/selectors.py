"""Finding a campus. The table of campuses is shared, so no scope is needed here."""

import logging
from collections.abc import Iterator

from django.core.cache import cache

from apps.common.errors import NotFound
from apps.tenants.models import PUBLIC_MAIL, Campus
from apps.tenants.scope import current_campus_id

logger = logging.getLogger(__name__)

HOST_CACHE_SECONDS = 60


def host_cache_key(host: str) -> str:
    return f"tenants:host:{host.lower()}"


def campus_by_host(*, host: str) -> int | None:
    """Id of the active campus at this host name (no port), cached for a minute."""
    key = host_cache_key(host)
    campus_id = cache.get(key)
    if campus_id is None:
        campus_id = (
            Campus.objects.filter(domains__host__iexact=host, is_active=True)
            .values_list("pk", flat=True)
            .first()
        ) or 0
        cache.set(key, campus_id, HOST_CACHE_SECONDS)
    return campus_id or None


def campus_id_by_slug(*, slug: str) -> int | None:
    """Id of the active campus of that short name. Asked at sign-in only, so not cached."""
    return (
        Campus.objects.filter(slug=slug, is_active=True).values_list("pk", flat=True).first()
        if slug.isascii() and slug.isprintable()
        else None
    )


def campus_by_slug(*, slug: str) -> Campus:
    """The active campus of that short name; raises `NotFound`."""
    campus = Campus.objects.filter(slug=slug, is_active=True).first()
    if campus is None:
        known = ", ".join(Campus.objects.filter(is_active=True).values_list("slug", flat=True))
        raise NotFound("no_such_campus", f"No active campus “{slug}”. Known: {known or 'none'}.")
    return campus


def campus_is_open(*, campus_id: int) -> bool:
    """Whether this campus exists and is switched on; asked where no host name has said so."""
    return Campus.objects.filter(pk=campus_id, is_active=True).exists()


def is_only_campus() -> bool:
    """Whether the entered campus is alone on this installation, switched-off ones counted."""
    return not Campus.objects.exclude(pk=current_campus_id()).exists()


def own_domains() -> frozenset[str]:
    """The verified e-mail domains of the entered campus that no other campus claims meanwhile."""
    own: set[str] = set()
    claimed: set[str] = set(PUBLIC_MAIL)
    for pk, *lists in Campus.objects.values_list("pk", "email_domains", "verified_domains"):
        if pk == current_campus_id():
            own.update(lists[1])
        else:
            claimed.update(*lists)
    return frozenset(own - claimed)


def every_campus(*, reason: str) -> Iterator[Campus]:
    """The active campuses one after the other, for platform work that crosses them.

    The only way across: row level security knows no "all", so each campus still has to be entered
    with `campus_scope` before its rows can be seen. `reason` goes to the log.
    """
    logger.info("Visiting every campus: %s", reason)
    yield from Campus.objects.filter(is_active=True).order_by("pk")
