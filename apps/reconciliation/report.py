"""What moving in found and did: every row of the old tables is in one of its counts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Self

SAMPLES: Final = 5  # rows that are named for each reason, and pairs that are shown


@dataclass
class TableReport:
    """One old table. `merged` rows said the same as another one; `left_out`: reason → rows."""

    name: str
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)  # left out → how many cells, and why
    notes: list[str] = field(default_factory=list)

    def leave_out(self, number: int, reason: str, *, value: str = "") -> None:
        """Count a row that is not brought; the first ones are named."""
        self.left_out[reason] += 1
        named = self.samples.setdefault(reason, [])
        if len(named) < SAMPLES:
            named.append(f"{number}: {value[:60]}" if value else str(number))

    def count(self, counts: Any) -> None:
        self.new += counts.new
        self.changed += counts.changed
        self.unchanged += counts.unchanged

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why rows are left out, the most frequent first."""
        return self.left_out.most_common()

    @property
    def unexplained(self) -> int:
        """Rows that are in no count; anything but 0 is a fault of the importer."""
        counted = self.new + self.changed + self.unchanged + self.merged
        return self.read - counted - self.left_out.total()

    def as_json(self) -> dict[str, Any]:
        return {
            "table": self.name,
            **{name: getattr(self, name) for name in COUNTS},
            "left_out": [
                {"reason": reason, "rows": rows, "first": self.samples.get(reason, [])}
                for reason, rows in self.reasons
            ],
            "columns_left_out": self.columns,
            "notes": self.notes,
            "unexplained": self.unexplained,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """What `as_json` made of one."""
        table = cls(found["table"], **{name: found[name] for name in COUNTS})
        for part in found["left_out"]:
            table.left_out[part["reason"]] = part["rows"]
            table.samples[part["reason"]] = part["first"]
        table.columns, table.notes = found["columns_left_out"], found["notes"]
        return table


COUNTS: Final = ("read", "new", "changed", "unchanged", "merged")


@dataclass(frozen=True)
class Pair:
    """One thing before and after; `reason` explains a difference."""

    name: str
    before: str
    after: str
    reason: str = ""

    @property
    def is_same(self) -> bool:
        return self.before == self.after


@dataclass
class Comparison:
    """Old values beside what is stored now, read back from the database."""

    name: str
    compared: int = 0
    equal: int = 0
    differing: list[Pair] = field(default_factory=list)
    samples: list[Pair] = field(default_factory=list)

    def add(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            self.compared += 1
            self.equal += pair.is_same
            if not pair.is_same:
                self.differing.append(pair)
            if len(self.samples) < SAMPLES:
                self.samples.append(pair)

    @property
    def unexplained(self) -> int:
        return sum(not pair.reason for pair in self.differing)

    def as_json(self) -> dict[str, Any]:
        def plain(pair: Pair) -> dict[str, str]:
            return dict(vars(pair))

        return {
            "what": self.name,
            "compared": self.compared,
            "equal": self.equal,
            "differing": [plain(pair) for pair in self.differing],
            "samples": [plain(pair) for pair in self.samples],
            "unexplained": self.unexplained,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        return cls(
            found["what"],
            compared=found["compared"],
            equal=found["equal"],
            differing=[Pair(**pair) for pair in found["differing"]],
            samples=[Pair(**pair) for pair in found["samples"]],
        )


@dataclass
class Report:
    """The whole of it. `saved`: whether it was committed."""

    system: str
    campus: str
    source: str  # SHA-256 of the file
    tables: list[TableReport] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    saved: bool = False

    @property
    def unexplained(self) -> int:
        tables = sum(abs(table.unexplained) for table in self.tables)
        return tables + sum(comparison.unexplained for comparison in self.comparisons)

    def as_json(self) -> dict[str, Any]:
        return {
            "system": self.system,
            "campus": self.campus,
            "source": self.source,
            "saved": self.saved,
            "unexplained": self.unexplained,
            "tables": [table.as_json() for table in self.tables],
            "comparisons": [part.as_json() for part in self.comparisons],
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        return cls(
            system=found["system"],
            campus=found["campus"],
            source=found["source"],
            saved=found["saved"],
            tables=[TableReport.from_json(table) for table in found["tables"]],
            comparisons=[Comparison.from_json(part) for part in found["comparisons"]],
            notes=found["notes"],
        )
