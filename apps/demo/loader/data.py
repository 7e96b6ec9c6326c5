"""Reading `fixtures/demo`. Nothing is checked here: the models and services do that."""

import csv
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from django.conf import settings


class DemoData:
    """The files of the demo campus: `campus.json`, `faculty.csv`, `students.csv`."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(settings.BASE_DIR) / "fixtures" / "demo"

    @cached_property
    def campus(self) -> dict[str, Any]:
        """Campus, places, subjects, courses and the calendar's days."""
        facts: dict[str, Any] = json.loads((self.folder / "campus.json").read_text("utf-8"))
        return facts

    @cached_property
    def faculty(self) -> list[dict[str, str]]:
        return self._rows("faculty.csv")

    @cached_property
    def students(self) -> list[dict[str, str]]:
        return self._rows("students.csv")

    def _rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
