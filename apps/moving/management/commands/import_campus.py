"""`manage.py import_campus`: a campus that was exported elsewhere."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.moving.archive import lock_of, place_of
from apps.moving.importing import Imported, ImportRequest, campus_import
from apps.moving.management.passphrases import passphrase_from
from apps.signin.management.operator import command_line_actor


class Command(CampusCommand):
    help = (
        "Import a campus from an archive of export_campus, as the owner's role. With --dry-run "
        "everything is done and undone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the archive, or s3://bucket/folder/name.campus")
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument("--dry-run", action="store_true", help="see whether it can be imported")
        how.add_argument("--commit", action="store_true", help="import it")
        parser.add_argument("--slug", default="", help="another short name")
        parser.add_argument(
            "--host", action="append", default=[], help="other host names; repeatable"
        )
        parser.add_argument(
            "--verified-domain",
            action="append",
            default=[],
            help="an e-mail domain that is proven to be the campus's own: people with such "
            "addresses are joined to accounts that exist here; repeatable",
        )
        parser.add_argument("--passphrase-file", help="as given to export_campus; - reads a line")

    def handle(self, *args: Any, **options: Any) -> None:
        target, name = place_of(options["file"], name="")
        wanted = ImportRequest(
            target=target,
            name=name,
            lock=lock_of(passphrase_from(options["passphrase_file"])),
            slug=options["slug"],
            hosts=tuple(options["host"]),
            verified_domains=tuple(domain.lower() for domain in options["verified_domain"]),
            commit=options["commit"],
        )
        outcome = campus_import(
            wanted=wanted, now=timezone.now(), actor=command_line_actor(), say=self.stdout.write
        )
        self._report(outcome, committed=wanted.commit)

    def _report(self, outcome: Imported, *, committed: bool) -> None:
        people = outcome.people
        done = "Imported" if committed else "Could be imported"
        self.stdout.write(
            f"{done}: {outcome.slug} at {', '.join(outcome.hosts)}, {outcome.rows} rows, "
            f"{outcome.files} files; {people.made} new accounts, {people.joined} that were here, "
            f"{len(people.strangers)} whose owners have to agree ({people.invited} invitations)."
        )
        for key in outcome.manifest["missing"]:
            self.stdout.write(self.style.WARNING(f"Missing where it was exported: {key}"))
        if committed:
            self.stdout.write(
                self.style.SUCCESS(
                    "Now run `manage.py verify_audit` and `doctor --all`. New accounts choose a "
                    "password by “forgot password”, or sign in with Google."
                )
            )
