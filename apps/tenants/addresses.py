"""Absolute addresses of a campus: its own domain, never what a request calls itself."""

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.tenants.models import Domain
from apps.tenants.scope import current_campus_id


def campus_hosts() -> list[str]:
    """Every host name of the entered campus: its domains by name, else that of the platform."""
    domains = Domain.objects.filter(campus_id=current_campus_id()).order_by("host")
    return list(domains.values_list("host", flat=True)) or [campus_host()]


def campus_host(*, asked: str = "", campus_id: int | None = None) -> str:
    """A domain of that campus, or of the entered one: `asked` if it is one, else the first by name.

    A campus without a domain lives at `PLATFORM_HOST`, where that is set; raises `Refused`
    (campus_without_domain) otherwise.
    """
    owner = current_campus_id() if campus_id is None else campus_id
    domains = Domain.objects.filter(campus_id=owner).order_by("host")
    known = list(domains.values_list("host", flat=True))
    if asked.lower() in known:
        return asked.lower()
    found = known[0] if known else settings.PLATFORM_HOST
    if not found:
        message = _("This campus has no domain yet: links cannot be made.")
        raise Refused("campus_without_domain", message)
    return str(found)


def campus_url(path: str, *, host: str = "", campus_id: int | None = None) -> str:
    """`path` (with its leading slash) at the campus's own domain; `host` chooses among several."""
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{settings.PUBLIC_SCHEME}://{campus_host(asked=host, campus_id=campus_id)}{port}{path}"


def asked_host(request: HttpRequest) -> str:
    """The host name that the request names, without port: a wish, to be checked by the above."""
    return split_domain_port(request.get_host())[0]


def is_loopback(host: str) -> bool:
    """Whether this host name leads a browser to its own machine."""
    return host.endswith("localhost") or host in ("127.0.0.1", "[::1]")


def asked_place(request: HttpRequest) -> str:
    """The same with the port, as the browser knows it: to compare with what the browser sends."""
    return str(request.get_host())


def asked_origin(request: HttpRequest) -> str:
    """Scheme, host name and port of the request: `https://campus.example`."""
    return f"{request.scheme}://{asked_place(request)}"
