"""The secret of a connection, its readings, what the service is known to have said; and who reads
our own roster."""

import uuid
from typing import Final

from django.db.models import Q, QuerySet

from apps.common.crypto import SealBroken, seal, unseal
from apps.jobs.models import Job
from apps.oneroster.models import (
    OneRosterClient,
    OneRosterConnection,
    OneRosterRow,
    OneRosterRun,
)
from apps.oneroster.tokens import CORE, GRADEBOOK, ROSTER, ReaderToken
from apps.tenants.scope import current_campus_id

ONEROSTER_SEAL: Final = "oneroster-secret"
Known = dict[str, dict[str, dict[str, str]]]  # collection → sourcedId → values


def seal_context(connection_id: object) -> bytes:
    return str(connection_id).encode()


def sealed_secret(connection: OneRosterConnection, secret: str) -> bytes:
    context = seal_context(connection.pk)
    return seal(ONEROSTER_SEAL, current_campus_id(), secret.encode(), context=context)


def client_secret(connection: OneRosterConnection) -> str:
    """ "" where there is none, or where it cannot be opened any more."""
    if not connection.sealed_secret:
        return ""
    value, context = bytes(connection.sealed_secret), seal_context(connection.pk)
    try:
        return unseal(ONEROSTER_SEAL, current_campus_id(), value, context=context).decode()
    except SealBroken:
        return ""


def known_rows(connection: OneRosterConnection) -> Known:
    found: Known = {collection: {} for collection in OneRosterRow.Collection.values}
    rows = OneRosterRow.objects.filter(connection=connection)
    names = ("collection", "sourced_id", "values")
    for collection, sourced_id, values in rows.values_list(*names).iterator(5000):
        found[collection][sourced_id] = values
    return found


def run_to_look_at() -> OneRosterRun | None:
    """The latest reading that was to be saved, where it waits for a person or failed."""
    run = OneRosterRun.objects.filter(commit=True).order_by("-created_at", "-id").first()
    needs_somebody = (OneRosterRun.Status.WAITING, OneRosterRun.Status.FAILED)
    return run if run is not None and run.status in needs_somebody else None


def had_wrong_rows(connection: OneRosterConnection) -> bool:
    """Whether the last reading that was saved left rows out."""
    saved = OneRosterRun.objects.filter(
        connection=connection, status=OneRosterRun.Status.SAVED
    ).order_by("-created_at", "-id")
    last = saved.first()
    return last is not None and bool(last.problems)


def running(connection: OneRosterConnection) -> QuerySet[OneRosterRun]:
    """Readings that a worker still has to do, or does."""
    unfinished = Q(job__status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    return OneRosterRun.objects.filter(
        unfinished, connection=connection, status=OneRosterRun.Status.RUNNING
    )


def client_by_id(name: str) -> OneRosterClient | None:
    """The reader with this client id, unless it was revoked."""
    try:
        pk = uuid.UUID(name)
    except ValueError:
        return None
    return OneRosterClient.objects.filter(pk=pk, revoked_at=None).first()


def client_of_token(token: ReaderToken) -> OneRosterClient | None:
    """Whose token it is, where its secret is still the one that the token was given for."""
    client = client_by_id(token.client_id)
    return client if client is not None and client.lookup == token.secret else None


def scopes_of(client: OneRosterClient) -> tuple[str, ...]:
    """What the campus gives this reader."""
    roster: dict[str, tuple[str, ...]] = {
        OneRosterClient.Roster.NONE: (),
        OneRosterClient.Roster.CORE: (CORE,),
        OneRosterClient.Roster.ALL: (CORE, ROSTER),
    }
    grades = (GRADEBOOK,) if client.gives_attendance else ()
    return (*roster[client.roster], *grades)
