"""The life of an import: uploaded, checked, committed, and its file deleted."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.accounts.writes import Writer
from apps.audit.services import Actor, log_event
from apps.common.errors import Invalid, Refused
from apps.import_types.registry import import_type_named
from apps.imports.models import CHECK, COMMIT, ImportRun
from apps.imports.selectors import open_questions
from apps.imports.services.files import run_files_delete, store_file
from apps.imports.services.jobs import rights_of
from apps.jobs.services import job_cancel, job_start
from apps.tabular_files.reader import form_of

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
    chosen.refuse_options(options)
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
    log_event(
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
    import_type.refuse_options(options)
    run.mapping, run.options = mapping, {**run.options, **options}
    run.save(update_fields=["mapping", "options"])
    return import_check(run=run, user_id=user_id, now=now)


@transaction.atomic
def import_commit(
    *,
    run: ImportRun,
    removed: int,
    user_id: int | None,
    now: datetime,
    actor: Actor,
    check: UUID | None = None,
) -> ImportRun:
    """Queue the saving of a checked import.

    `removed`: how many people the caller saw that would be deactivated; when it would be more, the
    import is refused. So is what was checked with other rights than the caller's: rows that were
    shown as wrong would be saved, or the reverse. `check`: the job of the check that the caller
    saw; when somebody had it checked again since, with other columns perhaps, it is refused.
    """
    writer = writer_of(user_id)
    import_type_named(run.kind).refuse(writer)
    _move(run, Status.COMMITTING, when=(Status.CHECKED,))
    if check is not None and check != run.job_id:
        message = _("This was checked again meanwhile. Look at it once more, then save it.")
        raise Refused("checked_again", message)
    if unanswered := open_questions(run):
        message = ngettext(
            "%(count)d question about this file is open. Answer it first.",
            "%(count)d questions about this file are open. Answer them first.",
            unanswered,
        )
        raise Refused("questions_open", message % {"count": unanswered})
    if run.result.get("checked_as") != rights_of(writer):
        message = _("This was checked by somebody with other rights. Check it again, then save it.")
        raise Refused("checked_with_other_rights", message)
    if run.result.get("removed", 0) > removed:
        message = _("Confirm that %(count)d people will be deactivated.")
        raise Refused("removal_not_confirmed", message % {"count": run.result["removed"]})
    run.job = job_start(
        kind=COMMIT,
        title=_("Import %(file)s") % {"file": run.filename},
        params={"import": run.pk, "removed": removed},
        user_id=user_id,
        now=now,
    )
    run.save(update_fields=["job"])
    log_event(actor=actor, action="imports.committed", now=now, target=run)
    return run


@transaction.atomic
def import_cancel(*, run: ImportRun, user_id: int | None, now: datetime, actor: Actor) -> None:
    """Stop the check or the saving that is under way; nothing of it stays.

    Raises `Refused` (job_finished) where nothing is.
    """
    import_type_named(run.kind).refuse(writer_of(user_id))
    if run.job is None:
        raise Refused("job_finished", _("This has finished already."))
    job_cancel(job=run.job, now=now)
    log_event(actor=actor, action="imports.cancelled", now=now, target=run)


def _move(run: ImportRun, status: str, *, when: tuple[str, ...]) -> None:
    moved = ImportRun.objects.filter(pk=run.pk, status__in=when).update(status=status, problem="")
    if not moved:
        raise Refused("import_not_ready", _("This import is being saved, or has been saved."))
    run.refresh_from_db()


def imports_purge(*, now: datetime) -> int:
    """Forget the files of old imports; what they did stays on record."""
    old = ImportRun.objects.filter(created_at__lt=now - KEPT).exclude(stored_as="")
    for run in old:
        run_files_delete(run)
    return len(old)
