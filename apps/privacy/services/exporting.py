"""Handing a person their data: one ZIP with JSON, images, documents and a page to read."""

import io
import json
import zipfile
from datetime import datetime
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import BinaryField
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.crypto import SealBroken
from apps.privacy.registry import KnownPerson, PersonRows, person_files, person_rows
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

FORMAT: Final = "campus-person"
VERSION: Final = 1


def person_export(*, person: KnownPerson, own: bool, now: datetime, actor: Actor) -> bytes:
    """The ZIP; that it was made is an entry of the audit log.

    `own`: asked for by the person, who gets what belongs to their account as well, which is none of
    the campus's business.
    """
    tables = {
        rows.name: _exported(rows, person)
        for rows in person_rows()
        if rows.exported and (own or not rows.of_account)
    }
    files, missing = _files(person)
    campus = Campus.objects.get(pk=current_campus_id())
    heading = {
        "format": FORMAT,
        "version": VERSION,
        "campus": campus.name,
        "exported_at": now,
        "files": sorted(files),
        "missing_files": missing,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", _json({**heading, "tables": tables}))
        archive.writestr("read.html", _page(heading, tables))
        for name, content in files.items():
            archive.writestr(name, content)
    counts = {name: len(rows) for name, rows in tables.items() if rows}
    data = {
        "student": person.student_id,
        "faculty": person.faculty_id,
        "account": person.user_id,
        "own": own,
        "rows": counts,
        "files": len(files),
    }
    log_event(actor=actor, action="privacy.person.exported", now=now, data=data)
    return packed.getvalue()


def columns_of(rows: PersonRows) -> list[Any]:
    """The fields of a table that its person gets."""
    return [
        field
        for field in rows.model._meta.concrete_fields
        if field.attname not in rows.withheld
        and field.name != "campus"
        and not isinstance(field, BinaryField)
    ]


def _exported(rows: PersonRows, person: KnownPerson) -> list[dict[str, Any]]:
    names = [field.attname for field in columns_of(rows)]
    found = rows.model._default_manager.filter(rows.rows(person)).order_by("pk")
    return [dict(zip(names, row, strict=True)) for row in found.values_list(*names)]


def _files(person: KnownPerson) -> tuple[dict[str, bytes], list[str]]:
    """The files, and which could not be read: that must not keep the rest away."""
    found: dict[str, bytes] = {}
    missing = []
    for files in person_files():
        for name, read in files(person=person):
            try:
                found[name] = read()
            except (OSError, SealBroken) as error:
                missing.append(f"{name}: {type(error).__name__}")
    return found, missing


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def _page(heading: dict[str, Any], tables: dict[str, list[dict[str, Any]]]) -> str:
    parts = []
    for rows in person_rows():
        found = tables.get(rows.name)
        if not found:
            continue
        fields = columns_of(rows)
        parts.append(
            {
                "name": str(rows.model._meta.verbose_name_plural),
                "headings": [str(field.verbose_name) for field in fields],
                "rows": [[row[field.attname] for field in fields] for row in found],
                "because": rows.because,
            }
        )
    title = _("What %(campus)s knows of you") % {"campus": heading["campus"]}
    return render_to_string("privacy/export.html", {**heading, "title": title, "parts": parts})
