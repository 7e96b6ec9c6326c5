"""What the start of the administration shows above its tables.

Apps above this one add panels in `ready()`: the site itself knows none of their tables.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest

from apps.tenants.scope import entered_campus_id

# From top to bottom. What asks for something to be set up stands first.
CHECKLIST: Final = 0
FIGURES: Final = 10
WAITING: Final = 20
WORK: Final = 30
DEVICES: Final = 40
PLATFORM: Final = 50


@dataclass(frozen=True, kw_only=True)
class StartPanel:
    """One panel. `look` says what its template shows as `panel`; None: not for this reader.

    `needs_campus`: left out for super administrators who have not chosen one.
    """

    name: str
    template: str
    place: int
    look: Callable[[HttpRequest, datetime], dict[str, Any] | None]
    needs_campus: bool = True


@dataclass(frozen=True, kw_only=True)
class ShownPanel:
    name: str
    template: str
    panel: dict[str, Any]


_panels: dict[str, StartPanel] = {}
# Why an account may not come in by itself (by password, passkey or Google); "" where it may.
EntryRule = Callable[[Any], str]
_entry_rules: dict[str, EntryRule] = {}


def add_entry_rule(name: str, rule: EntryRule) -> None:
    """Adding one of the same name again replaces it. Asked at every sign-in without a provider."""
    _entry_rules[name] = rule


def closed_way(user: Any) -> str:
    return next((why for rule in _entry_rules.values() if (why := rule(user))), "")


def add_start_panel(panel: StartPanel) -> None:
    """Adding one of the same name again replaces it."""
    _panels[panel.name] = panel


def start_panels(request: HttpRequest, *, now: datetime) -> list[ShownPanel]:
    """The panels of this reader, by their place, then in the order in which they were added."""
    shown = []
    for panel in sorted(_panels.values(), key=lambda one: one.place):
        if panel.needs_campus and entered_campus_id() is None:
            continue
        found = panel.look(request, now)
        if found is not None:
            shown.append(ShownPanel(name=panel.name, template=panel.template, panel=found))
    return shown
