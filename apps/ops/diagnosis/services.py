"""Valkey, image store, disk, mail and other providers, certificates."""

import secrets
import time
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import get_connection

from apps.common.answers import Limits
from apps.common.cache import ask_server
from apps.common.connections import certificate_end
from apps.notifications.channels import configured
from apps.notifications.circuit_breaker import trouble_of
from apps.notifications.models import Channel
from apps.ops.diagnosis import FAIL, OK, WARN, Look
from apps.ops.disk import free_shares
from apps.tenants.models import Domain

Lines = Iterator[tuple[str, str, str]]

FREE_SHARE: Final = (0.15, 0.05)  # warn, fail
CERTIFICATE_DAYS: Final = (21.0, 3.0)
DAY_SECONDS: Final = 24 * 3600.0
TLS: Final = Limits(connect=3.0, whole=5.0, body=0)
VALKEY_SKEW_SECONDS: Final = 5.0
PROVIDERS: Final = (Channel.EMAIL, Channel.PUSH, Channel.WEB_PUSH, Channel.SMS)


def look_at_valkey(_look: Look) -> Lines:
    before = time.time()
    info: dict[str, Any] | None = ask_server(lambda client: client.info(), otherwise=None)
    theirs: tuple[int, int] | None = ask_server(lambda client: client.time(), otherwise=None)
    if info is None or theirs is None:
        yield FAIL, "It does not answer.", "Start it, or mend REDIS_URL: no task is enqueued."
        return
    yield OK, f"{info['used_memory_human']} in use", ""
    skew = abs(theirs[0] + theirs[1] / 1e6 - before)
    if skew > VALKEY_SKEW_SECONDS:
        yield WARN, f"Its clock is {skew:.0f} s apart.", "Synchronise both machines' clocks."
    if info.get("maxmemory") and info.get("maxmemory_policy") != "noeviction":
        policy = info["maxmemory_policy"]
        advice = "Its maxmemory-policy has to be noeviction: queued tasks may be thrown away."
        yield FAIL, f"Its policy is {policy}.", advice


def look_at_storage(_look: Look) -> Lines:
    """Write, read and delete one object, as images are."""
    key, data = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(64)
    started = time.monotonic()
    name = default_storage.save(key, ContentFile(data))
    try:
        with default_storage.open(name) as stream:
            same = stream.read() == data
    finally:
        default_storage.delete(name)
    gone = not default_storage.exists(name)
    seconds = time.monotonic() - started
    if same and gone:
        yield OK, f"Written, read and deleted in {seconds:.1f} s", ""
    else:
        problem = "What was written came back changed." if gone else "Deleting has no effect."
        yield FAIL, problem, "Look at the store's log and the rights of its key."


def look_at_disk(_look: Look) -> Lines:
    for name, share in free_shares().items():
        warn, fail = FREE_SHARE
        level = FAIL if share < fail else WARN if share < warn else OK
        advice = "" if level == OK else "Free some room: PostgreSQL stops when its disk is full."
        yield level, f"{name}: {share:.0%} free", advice


def look_at_providers(_look: Look) -> Lines:
    """Mail, push and SMS: what is configured, and what failed last."""
    there = configured()
    for channel in PROVIDERS:
        if channel.value not in there:
            yield OK, f"{channel.value}: not configured", ""
        elif trouble := trouble_of(name=channel.value):
            text = f"{channel.value}: failing since {trouble.since:%Y-%m-%d %H:%M} UTC"
            advice = "See manage.py notifications --status for the provider's answer."
            yield FAIL, text, advice
        else:
            yield OK, f"{channel.value}: configured, no failure known", ""


def look_at_mail(_look: Look) -> Lines:
    """Whether the mail server lets us in."""
    server: Any = get_connection()
    if not hasattr(server, "host"):
        yield OK, "Mails do not go over SMTP here.", ""
        return
    try:
        server.open()
        server.close()
    except OSError as error:
        text = f"{server.host}:{server.port} refuses: {type(error).__name__}"
        yield FAIL, text, "Mend the MAIL_… variables, or start the mail server."
    else:
        yield OK, f"{server.host}:{server.port} lets us in.", ""


def look_at_certificates(look: Look) -> Lines:
    """Of every campus's domain, as browsers see it."""
    if settings.PUBLIC_SCHEME != "https" or settings.PUBLIC_PORT:
        yield OK, "Campuses are not served at https on port 443.", ""
        return
    for host in Domain.objects.filter(campus__is_active=True).values_list("host", flat=True):
        yield _certificate(host, look.now.timestamp())


def _certificate(host: str, now: float) -> tuple[str, str, str]:
    advice = "Renew it; look at the log of the reverse proxy."
    try:
        days = (certificate_end(host, limits=TLS) - now) / DAY_SECONDS
    except OSError as error:
        return FAIL, f"{host}: {type(error).__name__}: {error}", advice
    warn, fail = CERTIFICATE_DAYS
    level = FAIL if days < fail else WARN if days < warn else OK
    return level, f"{host}: {days:.0f} days", "" if level == OK else advice
