"""The old systems by name, and how to tell their tables apart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.legacy.systems import ams, occ, pgf, sis
from apps.legacy.systems import int as intelliattend
from apps.legacy.writing.run import Run
from apps.old_databases import OldData


@dataclass(frozen=True, kw_only=True)
class OldSystem:
    """One of them. `tables` are all that it is known to have; one of `tells` has to be there."""

    name: str
    tables: tuple[str, ...]
    tells: tuple[str, ...]
    move: Callable[[Run], None]

    def refuse_others(self, old: OldData) -> None:
        """Raises `Invalid` where the source has none of the tables that tell this system."""
        if not set(self.tells) & set(old.tables):
            message = _("This is no source of %(system)s: it has none of the tables %(tables)s.")
            values = {"system": self.name, "tables": ", ".join(self.tells)}
            raise Invalid("another_system", message % values)


_MODULES: Final = {"sis": sis, "int": intelliattend, "ams": ams, "pgf": pgf, "occ": occ}
SYSTEMS: Final[dict[str, OldSystem]] = {
    name: OldSystem(name=name, tables=module.TABLES, tells=module.TELLS, move=module.move)
    for name, module in _MODULES.items()
}


def system_named(name: str) -> OldSystem:
    """Raises `Invalid` and says which there are."""
    if name not in SYSTEMS:
        message = _("There is no such system. Known: %(systems)s.")
        raise Invalid("unknown_system", message % {"systems": ", ".join(SYSTEMS)})
    return SYSTEMS[name]
