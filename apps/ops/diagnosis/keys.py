"""The keys, and whether what they sealed opens."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction

from apps.biometrics.models import FaceTemplate
from apps.biometrics.vectors import is_intact
from apps.common.crypto import SealBroken, fingerprint, unseal
from apps.ops.diagnosis import FAIL, OK, WARN, Look
from apps.tenants.master_key import given_value, is_between, recorded_value, refusal
from apps.tenants.rotation import Renew, SealedFile, sealed_files, sealed_rows
from apps.tenants.scope import campus_scope, current_campus_id, platform_scope
from apps.tenants.selectors import every_campus

Lines = Iterator[tuple[str, str, str]]

SAMPLE: Final = 5  # files of each kind and campus
RESTORE: Final = "Restore it from a backup (docs/guides/recovery.md), or delete it."


def look_at_keys(_look: Look) -> Lines:
    connection.ensure_connection()
    recorded, given = recorded_value(connection.connection), given_value()
    if recorded is None:
        yield FAIL, "The database knows no master key.", "Run manage.py migrate."
    elif recorded == given and (problem := refusal(connection.connection, recorded)):
        yield FAIL, str(problem), "Give the keys that it names."
    elif recorded == given:
        yield OK, f"Master key {fingerprint(given)}", ""
    elif is_between(connection.connection, recorded):
        yield WARN, "The master key is being replaced.", "Finish manage.py rotate_master_key."
    else:
        text = f"CAMPUS_MASTER_KEY is {fingerprint(given)}, the database's {fingerprint(recorded)}."
        yield FAIL, text, "Give the right key."
    if settings.BACKUP_TO and not settings.BACKUP_KEY:
        yield FAIL, "BACKUP_KEY is not set.", "Give one: backups cannot be sealed."


def look_at_sealed(look: Look) -> Lines:
    """Rows and files that the master key sealed: some of each, or all."""
    with platform_scope():
        found = [
            _rows_problem(name, "the platform", renew)
            for name, renew in sealed_rows(platform=True).items()
        ]
    for campus in every_campus(reason="look at what is sealed", also_closed=True):
        with campus_scope(campus):
            found += _in_campus(campus.slug, everything=look.everything)
    broken = [text for text in found if text]
    for text in broken:
        yield FAIL, text, RESTORE
    if not broken:
        extent = "everything" if look.everything else "a sample; --all looks at everything"
        yield OK, f"All {len(found)} that were looked at open ({extent}).", ""


def _in_campus(where: str, *, everything: bool) -> list[str]:
    """A line for each thing that was looked at: "", or what is wrong with it."""
    found = [
        _file_problem(name, where, file)
        for name, files in sealed_files().items()
        for file in islice(files(), None if everything else SAMPLE)
    ]
    if everything:
        found += [_rows_problem(name, where, renew) for name, renew in sealed_rows().items()]
        found.append(_templates_problem(where))
    return found


def _rows_problem(name: str, where: str, renew: Renew) -> str:
    """Sealing anew under the same key reads every row and changes none; undone all the same."""
    try:
        with transaction.atomic():
            renew()
            transaction.set_rollback(True)
    except SealBroken as error:
        return f"{name} of {where}: {error}"
    return ""


def _file_problem(name: str, where: str, file: SealedFile) -> str:
    try:
        with default_storage.open(file.key) as stream:
            sealed = stream.read()
        unseal(file.purpose, current_campus_id(), sealed, context=file.context)
    except Exception as error:  # whatever files, S3 or the seal may say
        return f"{name} of {where}: {file.key}: {type(error).__name__}"
    return ""


def _templates_problem(where: str) -> str:
    """Templates are not sealed but turned, with a checksum under the campus's key."""
    changed = sum(not is_intact(template) for template in FaceTemplate.objects.iterator())
    return f"{changed} face templates of {where} do not fit their checksum." if changed else ""
