"""Odd cells in every type of import, and in every file of a bundle: rows are refused, no job fails.

Seeded; `SIZE` tables for each type.
"""

import random
from typing import Final

import pytest

from apps.accounts.models import Student
from apps.common.errors import Refused
from apps.enrollments.models import Department, Enrollment, Term
from apps.import_types.registry import IMPORT_TYPES
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.imports.support import csv_file, do_import, reasons
from tests.imports.test_oneroster import BUNDLE, zipped

pytestmark = pytest.mark.django_db

SIZE: Final = 20
ODD: Final = (
    *("", " ", "0", "-1", "1", "2", "NaN", "inf", "1e400", "9" * 400, "0x10", "٣", "1,5", "½"),
    *("2026-13-45", "0001-01-01", "9999-12-31", "31.12.2200", "24:00", "99:99"),
    *("a@b", "x@north.example", "X@NORTH.EXAMPLE", "stud@north.example", "ſ@north.example"),
    *("İ1", "i̇1", "ß", "SS", "ſ", "STUD", "stud", "LECT", "CS201", "cs201", "\u200b", "\u202e"),
    *("a\tb", "a\rb", "a\x1bb", "=1+1", "'", '"', "\\", "%s", "{stage}", "–", "x" * 300),
    *("yes", "no", "lab", "enrolled", "dropped", "tobedeleted", "teacher", "student", "term"),
)


def tables(kind: str, chance: random.Random) -> list[list[str]]:
    """The headings, and rows of which most cells are as they should be."""
    fields = IMPORT_TYPES[kind].fields
    rows = [[field.name for field in fields]]
    for _row in range(chance.randint(1, 6)):
        rows.append(
            [
                chance.choice(ODD) if chance.random() < 0.3 else field.example or ""
                for field in fields
            ]
        )
    return rows


def try_import(cast: Cast, kind: str, data: bytes, chance: random.Random) -> None:
    """A dry run, with any answer to what the file asks; it may be refused and must not fail."""
    answers: dict[str, str] = {}
    try:
        report = do_import(cast, kind, data, dry=True)
        while report.answers.open:
            for question in report.answers.open:
                answers[question.key] = chance.choice(question.choices).value
            report = do_import(cast, kind, data, dry=True, answers=answers)
    except Refused:
        return
    except Exception as error:
        raise AssertionError(data, answers) from error


@pytest.mark.parametrize("kind", [name for name, one in IMPORT_TYPES.items() if not one.bundle])
def test_odd_cells_fail_no_import(cast: Cast, kind: str) -> None:
    chance = random.Random(f"rows of {kind}")
    for _table in range(SIZE):
        rows = tables(kind, chance)
        try_import(cast, kind, csv_file(rows), chance)


def test_odd_bytes_fail_no_import(cast: Cast) -> None:
    """In every encoding, with whatever stands for letters and delimiters."""
    chance = random.Random("bytes")
    for _file in range(4 * SIZE):
        odd = bytes(chance.choices(range(1, 256), k=chance.randint(1, 200)))
        data = chance.choice([b"id,name\n", b"id;name\n1;", b"sep=|\n", b""]) + odd
        try_import(cast, "students", data, chance)


def bent(chance: random.Random) -> dict[str, list[list[str]]]:
    """The bundle with a few odd cells, and rows that come twice."""
    files = {name: [list(row) for row in rows] for name, rows in BUNDLE.items()}
    for _change in range(chance.randint(1, 5)):
        rows = files[chance.choice(list(files))]
        row = chance.choice(rows[1:])
        if chance.random() < 0.3:
            rows.append([cell if chance.random() < 0.8 else chance.choice(ODD) for cell in row])
        else:
            row[chance.randrange(len(row))] = chance.choice(ODD)
    return files


def test_odd_cells_fail_no_bundle(cast: Cast) -> None:
    chance = random.Random("bundles")
    for _bundle in range(SIZE):
        files = bent(chance)
        try:
            do_import(cast, "oneroster", zipped(files), dry=True)
        except Refused:
            continue
        except Exception as error:
            raise AssertionError(files) from error


# --- What was found ------------------------------------------------------------------------------


def changed(file: str, row: int, **cells: str) -> dict[str, list[list[str]]]:
    """The bundle with these cells, by heading, in this row of a file."""
    files = {known: [list(cells) for cells in rows] for known, rows in BUNDLE.items()}
    for heading, cell in cells.items():
        files[file][row][files[file][0].index(heading)] = cell
    return files


@pytest.mark.parametrize(
    "files",
    [
        changed("academicSessions", 2, schoolYear="9" * 1500),
        changed("academicSessions", 2, schoolYear="99999"),
        changed("academicSessions", 2, schoolYear="0"),
        changed("academicSessions", 2, title="Fall\x1b"),
        changed("academicSessions", 2, title="\u200b"),
        changed("orgs", 2, name="\u200b", identifier=""),
        changed("orgs", 2, identifier="MATH\x07"),
        changed("users", 2, sourcedId="", username="", identifier=""),
    ],
    ids=range(8),
)
def test_what_a_form_would_refuse_is_a_wrong_row(
    cast: Cast, files: dict[str, list[list[str]]]
) -> None:
    report = do_import(cast, "oneroster", zipped(files))
    assert report.wrong_rows > 0
    with campus_scope(cast.campus):
        assert Department.objects.filter(code="CSE").exists()


def test_a_person_and_a_place_that_come_twice_count_once(cast: Cast) -> None:
    files = {name: [list(row) for row in rows] for name, rows in BUNDLE.items()}
    for name in ("users", "enrollments", "courses"):
        files[name].append(list(files[name][2]))
    files["users"].append(["u7", "active", "x", "Other", "Name", "S900", "other@north.example"])
    files["roles"].append(["r7", "u7", "primary", "student"])
    report = do_import(cast, "oneroster", zipped(files))
    assert any("says something else about S900" in reason for _row, reason in reasons(report))
    with campus_scope(cast.campus):
        assert Student.objects.get(code="S900").first_name == "Sofja"
        assert Enrollment.objects.filter(student__code="S900").count() == 1


def test_two_terms_of_one_name_do_not_overwrite_each_other(cast: Cast) -> None:
    """Names have twenty characters here."""
    files = {name: [list(row) for row in rows] for name, rows in BUNDLE.items()}
    title = "Academic year 2026/27, "
    files["academicSessions"][2][2] = f"{title}fall"
    spring = ["t2", "active", f"{title}spring", "term", "2027-02-01", "2027-06-30", "2027"]
    files["academicSessions"].append(spring)
    report = do_import(cast, "oneroster", zipped(files))
    assert (4, "An earlier row says something else about a term of this name.") in reasons(report)
    with campus_scope(cast.campus):
        assert str(Term.objects.get(name=title[:20]).ends_on) == "2027-01-31"
