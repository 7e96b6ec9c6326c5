"""A connection: its secret, and trying it."""

from datetime import datetime

from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.oneroster.models import OneRosterConnection
from apps.oneroster.selectors import client_secret, sealed_secret
from apps.oneroster.services.asking import Access, RosterService, ServiceProblem
from apps.oneroster.services.reading import ORGS, Given

SHOWN = 10


def secret_give(connection: OneRosterConnection, secret: str) -> None:
    """The caller saves."""
    connection.sealed_secret = sealed_secret(connection, secret)


def access_of(connection: OneRosterConnection) -> Access:
    """Raises `ServiceProblem` where there is no secret, or none that can be opened."""
    secret = client_secret(connection)
    if not secret:
        raise ServiceProblem(_("There is no client secret that can be read. Enter it anew."))
    return Access(
        url=connection.url,
        token_url=connection.token_url,
        client_id=connection.client_id,
        secret=secret,
        scopes=connection.scopes,
    )


def connection_test(*, connection: OneRosterConnection, now: datetime, actor: Actor) -> str:
    """Ask for a token and the orgs, once; returns what came. Raises `Refused` (service_problem)."""
    log_event(actor=actor, action="oneroster.connection.tested", now=now, target=connection)
    try:
        service = RosterService(access_of(connection), alive=lambda _what: None, once=True)
        orgs, total = service.count(ORGS)
        given = [Given(ORGS, org) for org in orgs]
    except ServiceProblem as problem:
        raise Refused("service_problem", str(problem)) from problem
    schools = [f"{org.text('name')} ({org.id})" for org in given if org.text("type") == "school"]
    text = _("It answers and shows %(number)d orgs. Schools: %(names)s.")
    names = ", ".join(schools[:SHOWN]) + (" …" if len(schools) > SHOWN else "") or "–"
    return text % {"number": len(orgs) if total is None else total, "names": names}
