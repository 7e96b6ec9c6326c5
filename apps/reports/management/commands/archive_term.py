"""`manage.py archive_term`: a term as a file, read-only from then on."""

import os
import tempfile
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.enrollments.models import Term
from apps.enrollments.services import term_reopen
from apps.reports.services import term_to_archive, term_write
from apps.signin.management.operator import command_line_actor
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug


class Command(CampusCommand):
    help = (
        "Archive a term that is over: write its OneRoster bundle and its registers into a ZIP, "
        "which is not sealed, and let nobody change its marks, sessions and enrolments any more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campus", required=True, help="short name")
        parser.add_argument("--term", help="its name and academic year, like “Fall 2026-2027”")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--to", help="the ZIP; the term is archived once it is written")
        how.add_argument("--undo", action="store_true", help="let it be changed again")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with campus_scope(campus_by_slug(slug=options["campus"])):
                self._handle(options)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal

    def _handle(self, options: dict[str, Any]) -> None:
        terms = {str(term): term for term in Term.objects.order_by("starts_on")}
        if options["term"] not in terms:
            raise CommandError(f"Name a term by --term: {', '.join(terms) or 'there is none'}.")
        term, now, actor = terms[options["term"]], timezone.now(), command_line_actor()
        if options["undo"]:
            term_reopen(term=term, now=now, actor=actor)
            self.stdout.write(f"{term} can be changed again.")
            return
        if not options["to"]:
            raise CommandError("Name the ZIP by --to, or say --undo.")
        term = term_to_archive(term_id=term.pk, now=now)
        path = Path(options["to"]).expanduser().absolute()
        try:
            # Whole or not at all, and for its owner only: it names every student.
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
                self._write(cast(IO[bytes], draft), Path(draft.name), path, term, now, actor)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error}") from error

    def _write(
        self, file: IO[bytes], draft: Path, path: Path, term: Term, now: Any, actor: Any
    ) -> None:
        try:
            counts = term_write(
                term=term, file=file, now=now, actor=actor, report_progress=lambda *_: None
            )
            file.flush()
            os.fsync(file.fileno())
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
        named = ", ".join(f"{count} {name}" for name, count in counts.items())
        self.stdout.write(f"{term} is archived: {named} in {path}.")
