"""What a type of import is: its columns, and what it does with the rows that are right."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _

from apps.accounts.writes import Writer, refuse_fields
from apps.audit.services import Actor
from apps.common.errors import Forbidden, Invalid
from apps.tabular_files.fields import Field
from apps.tabular_files.tables import ParsedRow, RowProblem

Apply = Callable[["ImportBatch"], "ImportResult"]


@dataclass
class ImportResult:
    """What came of the rows. `removed` are deactivated, never deleted; their names, and the
    addresses that are `invited`, are shown before it happens."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    removed_names: list[str] = field(default_factory=list)
    invited: list[str] = field(default_factory=list)  # addresses whose owners are asked first
    notes: list[str] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)

    def count(self, counts: Any) -> None:
        self.new += counts.new
        self.changed += counts.changed
        self.unchanged += counts.unchanged


@dataclass(frozen=True, kw_only=True)
class ImportBatch:
    """The rows to apply and how."""

    rows: list[ParsedRow]
    present: frozenset[str]  # fields that the file has a column for
    options: dict[str, Any]
    now: datetime
    actor: Actor
    writer: Writer  # whose rights the rows have
    report_progress: Callable[[int, int, str], None]  # done, total, phase


@dataclass(frozen=True)
class Codes:
    """What a field's cells name: rows of a model by one of its columns. `makes`: a code that is not
    there yet makes a new one; else its row is wrong."""

    field: str
    model: type[Model]
    column: str = "code"
    makes: bool = False


@dataclass(frozen=True, kw_only=True)
class ImportType:
    """One type of import. `key`: the fields by which two rows are about the same thing."""

    name: str
    label: Any
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    apply: Apply
    can_replace: bool = False
    options: tuple[str, ...] = ()  # option names that it understands
    bundle: bool = False  # a zip of CSV files whose columns are fixed
    # What the same by hand asks for: permissions, and the model whose fields are in `WRITES`,
    # under which names.
    needs: tuple[str, ...] = ()
    person: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    codes: tuple[Codes, ...] = ()

    def is_for(self, writer: Writer) -> bool:
        """Whether the writer may write such rows by hand."""
        return all(writer.has(perm) for perm in self.needs)

    def refuse(self, writer: Writer, present: Iterable[str] = ()) -> None:
        """Raises `Forbidden` (role_required, field_not_allowed) where this writer may not write
        this type, or one of the columns, by hand either."""
        if not self.is_for(writer):
            message = _("Your role does not allow importing: %(kind)s.") % {"kind": self.label}
            raise Forbidden("role_required", message)
        if self.person:
            names = {dict(self.columns).get(name, name) for name in present} - {""}
            for adding in (True, False):
                refuse_fields(writer, self.person, names, adding=adding)

    def refuse_options(self, options: Mapping[str, Any]) -> None:
        """Raises `Invalid` (unknown_option) for what means nothing to this type: nothing that was
        not shown may follow from it."""
        unknown = set(options) - {*self.options, "replace"}
        if options.get("replace") and not self.can_replace:
            unknown.add("replace")
        if unknown:
            message = _("This kind of import has no option %(names)s.")
            raise Invalid("unknown_option", message % {"names": ", ".join(sorted(unknown))})

    def field(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)
