"""The files of a bundle as rows, and handing rows on to the type of sheet that saves them."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from apps.enrollments.models import Term
from apps.import_types.base import ImportBatch, ImportResult, ImportType
from apps.tabular_files.rows import drop_repeated, read_records
from apps.tabular_files.tables import ParsedRow, problem

FILES: Final = (
    *("orgs", "academicSessions", "courses", "classes", "users", "roles", "enrollments"),
)
GONE: Final = "tobedeleted"
KNOWN: Final = "known"
Record = dict[str, str]


@dataclass
class Bundle:
    """The rows of each file, by file name without ending, those that are gone apart, and the
    result so far. `terms`: academic session → the term that it is here."""

    batch: ImportBatch
    result: ImportResult
    files: dict[str, list[ParsedRow]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[str, list[ParsedRow]] = field(default_factory=lambda: defaultdict(list))
    terms: dict[str, Term] = field(default_factory=dict)

    def by_id(self, name: str) -> dict[str, ParsedRow]:
        return {id_of(row): row for row in self.files[name]}

    def ever(self, name: str) -> dict[str, ParsedRow]:
        """Also those that are gone: a row that is gone itself may refer to them."""
        return {id_of(row): row for row in self.gone[name]} | self.by_id(name)

    def told(self, name: str) -> list[ParsedRow]:
        """Those that say something new."""
        return [row for row in self.files[name] if status_of(row) != KNOWN]

    def wrong(self, row: ParsedRow, reason: str, column: str = "") -> None:
        value = row.values.get(column, "")
        self.result.problems.append(problem(row, reason, column=column, value=value))


def bundle_of(batch: ImportBatch) -> Bundle:
    bundle = Bundle(batch, ImportResult())
    for row in batch.rows:
        (bundle.gone if status_of(row) == GONE else bundle.files)[row.sheet].append(row)
    return bundle


def id_of(row: ParsedRow) -> str:
    return cell(row, "sourcedId")


def cell(row: ParsedRow, name: str) -> str:
    return str(row.values.get(name) or "").strip()


def status_of(row: ParsedRow) -> str:
    return cell(row, "status").casefold()


def names_in(row: ParsedRow, name: str) -> list[str]:
    """The ids of a cell that may name several."""
    return [one.strip() for one in cell(row, name).split(",") if one.strip()]


def hand_on(
    bundle: Bundle,
    import_type: ImportType,
    records: list[tuple[ParsedRow, Record]],
    **options: Any,
) -> None:
    """Read the cells as the other type reads those of a sheet, and let it save them.

    The rows are of one file of the bundle.
    """
    if not records:
        return
    reading = read_records(
        ((row.number, record) for row, record in records), import_type, name=records[0][0].sheet
    )
    drop_repeated(reading, import_type)
    bundle.result.problems += reading.problems
    batch = bundle.batch
    import_type.refuse(batch.writer, reading.present)
    done = import_type.apply(
        ImportBatch(
            rows=reading.rows,
            present=reading.present,
            options={**batch.options, **options, "replace": False},
            now=batch.now,
            actor=batch.actor,
            writer=batch.writer,
            report_progress=batch.report_progress,
        )
    )
    result = bundle.result
    result.count(done)
    result.problems += done.problems
    result.invited += done.invited
    result.notes += [note for note in done.notes if note not in result.notes]
