"""`manage.py import_roster KIND FILE --campus SLUG`: an import from the shell, with progress."""

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from apps.accounts.writes import PLATFORM
from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.import_types.registry import IMPORT_TYPES, import_type_named
from apps.imports.selectors import remembered_answers
from apps.imports.services.answers import answers_remember
from apps.imports.services.apply import ImportReport, read_upload, run_import
from apps.imports.workbooks import marked_workbook
from apps.tabular_files.questions import FileAnswers
from apps.tabular_files.tables import SheetTable
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

SHOWN = 20
ACTOR = Actor(label="command")


class Command(CampusCommand):
    help = "Import a spreadsheet: a dry run by default, saved with --commit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=list(IMPORT_TYPES))
        parser.add_argument("file", type=Path)
        parser.add_argument("--campus", required=True, help="short name of the campus")
        parser.add_argument("--commit", action="store_true", help="save what is right")
        parser.add_argument("--replace", action="store_true", help="deactivate who is missing")
        parser.add_argument("--department")
        parser.add_argument("--year", type=int)
        parser.add_argument("--section")
        parser.add_argument("--term", type=int, help="id of the term; default: the running one")
        parser.add_argument(
            "--answer",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="answer to a question about the file; again for the next one",
        )
        parser.add_argument("--marked", type=Path, help="write the table with wrong rows marked")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        given = dict(map(self._answer, options["answer"]))
        answers = FileAnswers(given, is_strict=True)
        try:
            report, tables = self._run(data, answers, options)
        except Refused as refusal:
            self._print_questions(answers)
            self._refuse_open(answers)
            raise CommandError(str(refusal.message)) from refusal
        self._print_questions(answers)
        self._refuse_open(answers)
        self._print(report, saved=options["commit"])
        if options["marked"] and report.problems:
            options["marked"].write_bytes(marked_workbook(tables, report.problems))
            self.stdout.write(f"Wrong rows are marked in {options['marked']}.")

    @staticmethod
    def _refuse_open(answers: FileAnswers) -> None:
        if answers.open:
            raise CommandError(
                f"{len(answers.open)} open questions; nothing was saved. "
                "Answer each with --answer KEY=VALUE."
            )

    def _run(
        self, data: bytes, answers: FileAnswers, options: dict[str, Any]
    ) -> tuple[ImportReport, list[SheetTable]]:
        names = ("department", "year", "section", "term", "replace")
        chosen = {name: options[name] for name in names if options[name]}
        import_type = import_type_named(options["kind"])
        campus = campus_by_slug(slug=options["campus"])
        now = timezone.now()
        with tqdm(desc=options["kind"], unit="rows") as bar, campus_scope(campus):

            def report_progress(done: int, total: int, phase: str) -> None:
                bar.total, bar.n = total, done
                bar.set_postfix_str(phase)

            answers.remembered = remembered_answers(import_type.name)
            tables = read_upload(
                data,
                import_type,
                writer=PLATFORM,
                report_progress=report_progress,
                answers=answers,
            )
            report = run_import(
                tables,
                import_type,
                mapping=None,
                options={**chosen, "source": hashlib.sha256(data).hexdigest()},
                now=now,
                actor=ACTOR,
                writer=PLATFORM,
                report_progress=report_progress,
                dry=not options["commit"],
                answers=answers,
            )
            if options["commit"]:
                kind = import_type.name
                answers_remember(kind=kind, answers=answers, user_id=None, now=now, actor=ACTOR)
        return report, tables

    @staticmethod
    def _answer(text: str) -> tuple[str, str]:
        key, sign, value = text.partition("=")
        if not sign:
            raise CommandError(f"--answer {text}: write it as KEY=VALUE.")
        return key.strip(), value.strip()

    def _print_questions(self, answers: FileAnswers) -> None:
        for asked in answers.as_json():
            choices = {choice["value"]: choice["label"] for choice in asked["choices"]}
            if asked["answer"]:
                origin = " (remembered)" if asked["remembered"] else ""
                self.stdout.write(f"{asked['text']} {choices[asked['answer']]}{origin}")
                continue
            self.stdout.write(f"Open question {asked['key']}: {asked['text']}")
            for number, (value, label) in enumerate(choices.items()):
                self.stdout.write(f"  --answer '{asked['key']}={value}'  {label}")
                for example in asked["examples"]:
                    where = f"{example['sheet']} row {example['row']}".strip()
                    made = f"{example['cell']} → {example['becomes'][number]}".removeprefix(" → ")
                    self.stdout.write(f"      {where}: {made}")

    def _print(self, report: ImportReport, *, saved: bool) -> None:
        found = report.as_json()
        counts = ", ".join(
            f"{found[name]} {name}" for name in ("new", "changed", "unchanged", "removed", "wrong")
        )
        self.stdout.write(f"{found['rows']} rows: {counts}.")
        for note in found["notes"]:
            self.stdout.write(note)
        if found["invited"]:
            some = ", ".join(found["invited_addresses"][:SHOWN])
            self.stdout.write(f"{found['invited']} with an account elsewhere are invited: {some}.")
        for problem in report.problems[:SHOWN]:
            where = f"{problem.sheet} row {problem.row}".strip()
            what = f"{problem.column} “{problem.value}”: " if problem.column else ""
            self.stdout.write(f"  {where}: {what}{problem.reason}")
        if len(report.problems) > SHOWN:
            self.stdout.write(f"  … and {len(report.problems) - SHOWN} more (--marked FILE).")
        self.stdout.write("Saved." if saved else "A dry run: nothing was saved. Add --commit.")
