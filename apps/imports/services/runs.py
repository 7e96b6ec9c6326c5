"""The life of an import: uploaded, checked, committed, and its file forgotten."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.writes import Writer
from apps.audit.services import Actor, record
from apps.common.errors import Invalid, Refused
from apps.imports.models import ImportRun
from apps.imports.reading.reader import form_of
from apps.imports.services.files import delete_file, store_file
from apps.imports.services.jobs import CHECK, COMMIT
from apps.imports.types import import_type_named
from apps.jobs.services import job_start

KEPT: Final = timedelta(days=30)  # uploaded files hold personal data: no longer than needed
Status = ImportRun.Status


def writer_of(user_id: int | None) -> Writer:
    """The rights of this account on the entered campus; without one, none."""
    return Writer(User.objects.filter(pk=user_id).first() if user_id else None)


@transaction.atomic
def import_upload(
    *,
    kind: str,
    filename: str,
    data: bytes,
    options: dict[str, Any],
    user_id: int | None,
    now: datetime,
    actor: Actor,
) -> ImportRun:
    """Keep an upload and queue its dry run.

    Raises `Invalid` for what is no table at all, and `Forbidden` for types that this account may
    not write by hand either. So do the other steps: a run is one account's to check and another's
    to commit.
    """
    chosen = import_type_named(kind)
    chosen.refuse(writer_of(user_id))
    form_of(data)
    unknown = set(options) - {*chosen.options, "replace"}
    if unknown or (options.get("replace") and not chosen.can_replace):
        message = _("This kind of import has no option %(names)s.")
        names = ", ".join(sorted(unknown or {"replace"}))
        raise Invalid("unknown_option", message % {"names": names})
    run = ImportRun.objects.create(
        kind=kind,
        filename=filename[:200],
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        stored_as=store_file(data),
        options=options,
        created_by_id=user_id,
        created_at=now,
    )
    record(
        actor=actor,
        action="imports.uploaded",
        now=now,
        target=run,
        data={"kind": kind, "sha256": run.sha256, "options": options},
    )
    return import_check(run=run, user_id=user_id, now=now)


@transaction.atomic
def import_check(*, run: ImportRun, user_id: int | None, now: datetime) -> ImportRun:
    """Queue the dry run (again, after other choices)."""
    import_type_named(run.kind).refuse(writer_of(user_id))
    _move(run, Status.CHECKING, when=(Status.CHECKING, Status.CHECKED, Status.FAILED))
    run.job = job_start(
        kind=CHECK,
        title=_("Check %(file)s") % {"file": run.filename},
        params={"import": run.pk},
        user_id=user_id,
        now=now,
    )
    run.save(update_fields=["job"])
    return run


@transaction.atomic
def import_remap(
    *,
    run: ImportRun,
    mapping: dict[str, str],
    options: dict[str, Any],
    user_id: int | None,
    now: datetime,
) -> ImportRun:
    """Say what the columns mean (heading → field, "" leaves one out) and check again."""
    import_type = import_type_named(run.kind)
    known = {field.name for field in import_type.fields} | {""}
    unknown = sorted(set(mapping.values()) - known)
    if unknown:
        message = _("There is no column %(names)s.") % {"names": ", ".join(unknown)}
        raise Invalid("unknown_column", message)
    run.mapping, run.options = mapping, {**run.options, **options}
    run.save(update_fields=["mapping", "options"])
    return import_check(run=run, user_id=user_id, now=now)


@transaction.atomic
def import_commit(
    *, run: ImportRun, removed: int, user_id: int | None, now: datetime, actor: Actor
) -> ImportRun:
    """Queue the saving of a checked import.

    `removed`: how many people the caller saw that would be deactivated; when it would be more, the
    import is refused.
    """
    import_type_named(run.kind).refuse(writer_of(user_id))
    if run.result.get("removed", 0) > removed:
        message = _("Confirm that %(count)d people will be deactivated.")
        raise Refused("removal_not_confirmed", message % {"count": run.result["removed"]})
    _move(run, Status.COMMITTING, when=(Status.CHECKED,))
    run.job = job_start(
        kind=COMMIT,
        title=_("Import %(file)s") % {"file": run.filename},
        params={"import": run.pk, "removed": removed},
        user_id=user_id,
        now=now,
    )
    run.save(update_fields=["job"])
    record(actor=actor, action="imports.committed", now=now, target=run)
    return run


def _move(run: ImportRun, status: str, *, when: tuple[str, ...]) -> None:
    moved = ImportRun.objects.filter(pk=run.pk, status__in=when).update(status=status, problem="")
    if not moved:
        raise Refused("import_not_ready", _("This import is being saved, or has been saved."))
    run.refresh_from_db()


def imports_purge(*, now: datetime) -> int:
    """Forget the files of old imports; what they did stays on record."""
    old = ImportRun.objects.filter(created_at__lt=now - KEPT).exclude(stored_as="")
    for run in old:
        delete_file(run.stored_as)
        delete_file(run.marked_as)
        run.stored_as = run.marked_as = ""
        run.problems = []
        run.save(update_fields=["stored_as", "marked_as", "problems"])
    return len(old)
