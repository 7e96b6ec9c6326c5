"""`manage.py import_legacy`: dry run, saving, report files and the exit status."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.legacy.systems import SYSTEMS, OldSystem, sis
from apps.legacy.writing.run import Run
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.legacy.support import json_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    student = {"id": 1, "name": "Ada <b>", "age": 16, "class": "10", "section": "A"}
    return json_file(tmp_path / "backup_data.json", {"students": [student]})


def run(cast: Cast, *args: Any, **options: Any) -> str:
    out = StringIO()
    options = {"campus": cast.campus.slug, "stdout": out, "stderr": StringIO(), **options}
    call_command("import_legacy", *map(str, args), **options)
    return out.getvalue()


def known(cast: Cast) -> bool:
    with campus_scope(cast.campus):
        return Student.objects.filter(code="SIS-1").exists()


def test_a_dry_run_is_the_default(cast: Cast, backup: Path) -> None:
    said = run(cast, "sis", backup)
    assert "students: 1 read, 1 new, 0 changed, 0 unchanged, 0 merged, 0 left out" in said
    assert "A dry run: nothing was saved." in said
    assert not known(cast)


def test_with_commit_it_is_saved_and_in_the_audit_log(cast: Cast, backup: Path) -> None:
    assert "Every row is accounted for. Saved." in run(cast, "sis", backup, commit=True)
    assert known(cast)
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="legacy.moved_in")
        assert entry.data["system"] == "sis"


def test_the_report_goes_into_a_file_by_its_ending(
    cast: Cast, backup: Path, tmp_path: Path
) -> None:
    for name in ("a.json", "a.html", "a.txt"):
        run(cast, "sis", backup, report=tmp_path / name)
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["tables"][0]["new"] == 1
    assert found["unexplained"] == 0
    page = (tmp_path / "a.html").read_text()
    assert "Ada &lt;b&gt;" in page
    assert "<b>" not in page
    assert "1 read" in (tmp_path / "a.txt").read_text()


def test_an_unexplained_difference_saves_nothing_and_shows_in_the_status(
    cast: Cast, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(move: Run) -> None:
        sis.move(move)
        move.report.tables[0].read += 1

    old = OldSystem(name="sis", tables=sis.TABLES, tells=sis.TELLS, move=forgetful)
    monkeypatch.setitem(SYSTEMS, "sis", old)
    with pytest.raises(SystemExit) as left:
        run(cast, "sis", backup, commit=True)
    assert left.value.code == 3
    assert not known(cast)


def test_mistakes_are_said_in_words(cast: Cast, backup: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run(cast, "sis", tmp_path / "none.json")
    with pytest.raises(CommandError, match="no source of sis"):
        run(cast, "sis", json_file(tmp_path / "b.json", {"buses": [{"a": 1}]}))
    with pytest.raises(CommandError, match="no term"):
        run(cast, "sis", backup, term=999_999)
    with pytest.raises(CommandError, match="cannot be written"):
        run(cast, "sis", backup, report=tmp_path / "no" / "folder.json")
