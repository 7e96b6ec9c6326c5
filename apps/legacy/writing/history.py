"""Sessions that an old system held and their marks, written together and compared afterwards."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from apps.attendance.models import AttendanceRecord, RecordSource
from apps.attendance.selectors.register import ATTENDED
from apps.attendance.services.imported import (
    STAGED,
    RecordsImported,
    Told,
    imported_totals_refresh,
    records_import,
)
from apps.legacy.writing.run import Run
from apps.reconciliation.report import Comparison, Pair, TableReport
from apps.sessions.services import sessions_import
from apps.tabular_files.fields import Wrong
from apps.tenants.bulk import WORK, stage_open

_SESSION: Final = {
    "course_id": "bigint",
    "faculty_id": "bigint",
    "classroom_id": "bigint",
    "starts_at": "text",
    "ends_at": "text",
    "status": "text",
    "topic": "text",
    **WORK,
}
Sums = tuple[int, int]  # attended, all


@dataclass(frozen=True, kw_only=True)
class OldSession:
    """A session that was held, or cancelled. `key`: by which marks name it."""

    key: Any
    course_id: int
    faculty_id: int
    starts_at: datetime
    ends_at: datetime
    status: str = "completed"
    topic: str = ""
    classroom_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OldMark:
    """One mark. `added`: the old system had no row for it (an absence)."""

    session: Any  # its key
    student_id: int
    status: str
    recorded_at: datetime
    score: Decimal | None = None
    face: bool = False
    place: bool = False
    beacon: bool = False
    notes: str = ""
    added: bool = False


@dataclass
class History:
    """The sessions and marks of one move."""

    run: Run
    sessions: dict[Any, tuple[int, int]] = field(default_factory=dict)  # key → id, course id
    left: Told = field(default_factory=Counter)
    added: Told = field(default_factory=Counter)
    done: RecordsImported | None = None

    def sessions_write(
        self, table: TableReport | None, sessions: Iterable[tuple[int, OldSession]]
    ) -> None:
        """Write them; those of one course and start are one, the later rows merged into it."""
        rows: list[OldSession] = []
        place: dict[tuple[int, datetime, bool], int] = {}
        keys: dict[Any, int] = {}
        for _number, row in sessions:
            same = (row.course_id, row.starts_at, row.status == "cancelled")
            if same in place and table:
                table.merged += 1
            keys[row.key] = place.setdefault(same, len(rows))
            if keys[row.key] == len(rows):
                rows.append(row)
        names = [name for name in _SESSION if name not in WORK]
        values = ((n, *(getattr(row, name) for name in names)) for n, row in enumerate(rows))
        run = self.run
        with stage_open(_SESSION, names, values) as stage:
            counts = sessions_import(stage, source=run.source, now=run.now, actor=run.actor)
            ids = dict(stage.rows("SELECT n, id FROM {stage}"))
        if table:
            table.count(counts)
        self.sessions |= {key: (ids[n], rows[n].course_id) for key, n in keys.items()}

    def read_marks(
        self, table: TableReport, mark: Callable[[dict[str, Any]], OldMark]
    ) -> Iterator[OldMark]:
        """The marks of a table's rows; what cannot be read is left out and said."""
        for number, row in self.run.old.rows(table.name):
            try:
                yield mark(row)
            except Unmarked as unmarked:
                table.leave_out(number, str(unmarked))
                if unmarked.student_id:
                    self.left[unmarked.student_id, unmarked.attended] += 1
            except Wrong as wrong:
                table.leave_out(number, str(wrong))

    def marks_write(self, table: TableReport | None, marks: Iterable[OldMark]) -> None:
        """Stream the marks into the register. Added absences are in no table's counts."""
        run = self.run
        with stage_open(
            {**STAGED, "added": "boolean", **WORK}, (*STAGED, "added"), self._staged(marks)
        ) as stage:
            done = records_import(stage, source=run.source, now=run.now, actor=run.actor)
            new_added = stage.numbers("SELECT count(*) FROM {stage} WHERE added AND is_new")[0]
            all_added = stage.numbers("SELECT count(*) FROM {stage} WHERE added")[0]
        self.done = done
        imported_totals_refresh(session_ids={pk for pk, _course in self.sessions.values()})
        if table:
            table.new += done.counts.new - new_added
            table.changed += done.counts.changed
            table.unchanged += done.counts.unchanged - (all_added - new_added)
            table.merged += done.repeated.total()
            kept = done.kept.total() - sum((done.kept & self.added).values())
            if kept:
                table.left_out[_("was marked here meanwhile: that stays")] += kept

    def _staged(self, marks: Iterable[OldMark]) -> Iterator[Sequence[Any]]:
        for number, mark in enumerate(marks):
            session_id, course_id = self.sessions[mark.session]
            if mark.added:
                self.added[mark.student_id, mark.status in ATTENDED] += 1
            yield (
                number,
                session_id,
                mark.student_id,
                course_id,
                mark.status,
                mark.recorded_at,
                mark.score,
                mark.face,
                mark.place,
                mark.beacon,
                mark.notes,
                mark.added,
            )

    def compare(self, before: Mapping[int, Sums], names: Mapping[int, str]) -> None:
        """Attendance of each student: as the old tables say it, and as the register says it now.

        `before`: student's id → sums of the old rows, as they stand. What was merged, left out or
        added explains a difference, if it is exactly that many.
        """
        after = self._after()
        comparison = Comparison(_("Attendance by student (attended of all)"))
        pairs = [
            self._pair(pk, names[pk], before.get(pk, (0, 0)), after.get(pk, (0, 0)))
            for pk in sorted(names, key=names.__getitem__)
            if pk in before or pk in after
        ]
        comparison.add(pairs)
        self.run.report.comparisons.append(comparison)
        total = Comparison(_("Sums of attendance (attended of all)"))
        explained = "" if comparison.unexplained else _("as explained by student")
        total.add([Pair(_("all"), _sum(before), _sum(after), explained)])
        self.run.report.comparisons.append(total)

    def _after(self) -> dict[int, Sums]:
        ids = {pk for pk, _course in self.sessions.values()}
        found = (
            AttendanceRecord.objects.filter(session_id__in=ids, source=RecordSource.IMPORTED)
            .values_list("student_id")
            .annotate(attended=Count("pk", filter=Q(status__in=ATTENDED)), marks=Count("pk"))
            .order_by("student_id")
        )
        return {student: (attended, marks) for student, attended, marks in found}

    def _pair(self, pk: int, name: str, before: Sums, after: Sums) -> Pair:
        if before == after:
            return Pair(name, _share(before), _share(after))
        done = self.done or RecordsImported(counts=None)  # type: ignore[arg-type]
        parts = (
            (-1, done.repeated, _("%d rows about a session twice")),
            (-1, done.kept, _("%d marked here meanwhile")),
            (-1, self.left, _("%d rows left out")),
            (+1, self.added, _("%d absences that the old system kept no row for")),
            (+1, done.earlier, _("%d marks of an earlier state")),
        )
        attended, marks, reasons = *before, []
        for sign, told, words in parts:
            yes, no = told[pk, True], told[pk, False]
            attended, marks = attended + sign * yes, marks + sign * (yes + no)
            if yes + no:
                reasons.append(words % (yes + no))
        reason = ", ".join(reasons) if (attended, marks) == after else ""
        return Pair(name, _share(before), _share(after), reason)


class Unmarked(Wrong):
    """A row that names no session or student that was brought; of a known student, whose sums it
    is missing from."""

    def __init__(self, reason: str, *, student_id: int | None = None, attended: bool = False):
        super().__init__(reason)
        self.student_id = student_id
        self.attended = attended


def _share(sums: Sums) -> str:
    attended, marks = sums
    percent = round(Decimal(100 * attended) / marks, 2) if marks else Decimal("0.00")
    return f"{attended}/{marks} = {percent:.2f} %"


def _sum(sums: Mapping[int, Sums]) -> str:
    return _share((sum(a for a, _m in sums.values()), sum(m for _a, m in sums.values())))
