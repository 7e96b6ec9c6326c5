"""Moving an old system's data into a campus: one transaction, a dry run is the same, undone."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.enrollments.models import Term
from apps.imports.services.apply import gc_disabled, one_at_a_time
from apps.legacy.systems import system_named
from apps.legacy.writing.run import Run
from apps.old_databases import OldData
from apps.reconciliation.report import Report
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id


class _Undone(Exception):
    """Thrown to undo a dry run, or what is not accounted for."""


def legacy_import(
    *,
    system: str,
    old: OldData,
    now: datetime,
    actor: Actor,
    dry: bool,
    term: Term | None = None,
    tell: Callable[[str], None] = lambda _phase: None,
) -> Report:
    """Bring what the campus has a place for of the old tables (`sources.source_open`, which is
    opened before the campus is entered: reading a dump takes its time).

    Nothing is saved by a dry run, and nothing while a difference is unexplained. The same source
    again changes nothing; a later state of it brings the difference. Raises `Invalid` for a source
    that cannot be read, or is another system's.
    """
    chosen = system_named(system)
    campus = Campus.objects.get(pk=current_campus_id())
    chosen.refuse_others(old)
    with gc_disabled():
        report = Report(system=system, campus=campus.slug, source=old.digest)
        run = Run(
            old=old,
            report=report,
            system=system,
            campus=campus,
            zone=ZoneInfo(str(campus.time_zone)),
            now=now,
            actor=actor,
            dry=dry,
            term=term,
            tell=tell,
        )
        try:
            with transaction.atomic():
                one_at_a_time()
                chosen.move(run)
                run.unknown_tables(chosen.tables)
                _passed_over(run)
                if dry or report.unexplained:
                    raise _Undone
                data = {"system": system, "source": old.digest}
                log_event(actor=actor, action="legacy.moved_in", now=now, data=data)
        except _Undone:
            return report
    report.saved = True
    return report


def _passed_over(run: Run) -> None:
    """Parts of the source that are no rows: each is named."""
    for what, count in run.old.notes.items():
        note = _("Passed over in the source, %(count)d times: %(what)s.")
        run.report.notes.append(note % {"count": count, "what": what})
