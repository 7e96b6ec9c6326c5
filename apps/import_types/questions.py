"""Questions that only the campus's own rows raise."""

import re
from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.enrollments.models import Term
from apps.import_types.base import Codes, ImportType
from apps.tabular_files.questions import Choice, FileAnswers, Question, examples
from apps.tabular_files.tables import ParsedRow
from apps.tenants.selectors import campus_day

EXISTING: Final = "existing"
NO_SIGNS: Final = re.compile(r"[\W_]+")
ZEROS: Final = re.compile(r"(?<![0-9])0+(?=[0-9])")


def ask_term(
    import_type: ImportType, options: dict[str, Any], answers: FileAnswers, *, now: datetime
) -> dict[str, Any]:
    """The option `term`, asked where several are running and none was named."""
    if "term" not in import_type.options or options.get("term"):
        return {}
    today = campus_day(now=now)
    running = list(Term.objects.filter(starts_on__lte=today, ends_on__gte=today).order_by("pk"))
    if len(running) < 2:
        return {}
    choices = tuple(Choice(str(term.pk), str(term)) for term in running)
    question = Question(
        key="term", text=_("Several terms are running. Which is meant?"), choices=choices
    )
    return {"term": int(answers.ask(question))}


def ask_codes(rows: list[ParsedRow], import_type: ImportType, answers: FileAnswers) -> None:
    """Change codes that are not on the campus to those that are like them, where somebody says
    that these are meant: only zeros before numbers, signs and spaces are different."""
    for codes in import_type.codes:
        _ask_codes(rows, codes, str(import_type.field(codes.field).label), answers)


def _ask_codes(rows: list[ParsedRow], codes: Codes, label: str, answers: FileAnswers) -> None:
    name = codes.field
    used = {str(row.values[name]).casefold() for row in rows if row.values.get(name)}
    if not used:
        return
    meant = {
        code: there for code, there in _like(used, codes).items() if there.casefold() not in used
    }
    if not meant:
        return
    as_written = _("%(code)s, new") if codes.makes else _("%(code)s, unknown")
    places: dict[str, ParsedRow] = {}
    for row in rows:
        places.setdefault(str(row.values.get(name, "")).casefold(), row)
    answer = answers.ask(
        Question(
            key=f"codes:{name}",
            text=_(
                "“%(column)s” has values that are not on the campus, but almost like some that are "
                "(%(number)d). Are these meant?"
            )
            % {"number": len(meant), "column": label},
            choices=(
                Choice(EXISTING, _("Yes, those that are there")),
                Choice("as_written", _("No, take them as written")),
            ),
            examples=examples(
                (row.sheet, row.number, row.values[name], [there, as_written % {"code": code}])
                for code, there in meant.items()
                for row in [places[code]]
                for code in [row.values[name]]
            ),
        )
    )
    if answer == EXISTING:
        for row in rows:
            there = meant.get(str(row.values.get(name, "")).casefold())
            if there:
                row.values[name] = there


def _like(used: set[str], codes: Codes) -> dict[str, str]:
    """Codes that are not there, in small letters → the only one there that they are like."""
    known = codes.model._default_manager.values_list(codes.column, flat=True)
    there = {code.casefold(): code for code in known.distinct().order_by()}
    lost = used - set(there)
    if not lost:
        return {}
    alike = defaultdict(set)
    for small, code in there.items():
        alike[_bare(small)].add(code)
    found = {code: alike.get(_bare(code), set()) for code in sorted(lost)}
    return {code: next(iter(hits)) for code, hits in found.items() if len(hits) == 1}


def _bare(code: str) -> str:
    """Without signs and spaces, and without zeros before a number."""
    return NO_SIGNS.sub("", ZEROS.sub("", code))
