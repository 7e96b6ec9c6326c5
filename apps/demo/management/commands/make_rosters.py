"""`manage.py make_rosters DIR`: workbooks of a made-up campus, to try the imports with."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from apps.common.commands import CampusCommand
from apps.demo.sample_data import campus_sheets, workbook


class Command(CampusCommand):
    help = "Write made-up workbooks: each as a registrar sends it, and corrected."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--students", type=int, default=4000)
        parser.add_argument(
            "--errors", type=float, default=0.02, help="share of rows with errors, 0–1"
        )
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not 0 <= options["errors"] <= 1 or options["students"] < 1:
            raise CommandError("--errors lies between 0 and 1, --students is at least 1.")
        folder.mkdir(parents=True, exist_ok=True)
        sheets = campus_sheets(
            options["students"], error_share=options["errors"], seed=options["seed"]
        )
        for number, (kind, sheet) in enumerate(sheets.items(), start=1):
            name = f"{number}-{kind}"
            workbook(sheet.headings, sheet.with_errors, title=kind).save(folder / f"{name}.xlsx")
            workbook(sheet.headings, sheet.rows, title=kind).save(folder / f"{name}-corrected.xlsx")
            wrong = len(sheet.wrong)
            self.stdout.write(f"{name}.xlsx: {len(sheet.with_errors)} rows, {wrong} of them wrong")
