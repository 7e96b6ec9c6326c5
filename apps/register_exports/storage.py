"""Where exports go: places that the operator has named, each a folder or a prefix of a bucket."""

from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.tenants.storage import as_os_error

ALIAS: Final = "registers:"  # before the name of a place, in STORAGES


def targets() -> list[str]:
    """The names of the places."""
    found = [name for name in settings.STORAGES if name.startswith(ALIAS)]
    return sorted(name.removeprefix(ALIAS) for name in found)


def put(target: str, name: str, path: Path) -> None:
    """Whole, in the place of an earlier one. Raises `Refused` (no_target, target_unavailable)."""
    if target not in targets():
        message = _("There is no place “%(name)s” any more. Choose another one.")
        raise Refused("no_target", message % {"name": target})
    storage = storages[ALIAS + target]
    try:
        with as_os_error("write"), path.open("rb") as file:
            storage.save(name, File(file))
    except OSError as error:
        message = _("The place “%(name)s” took no file: %(error)s")
        values = {"name": target, "error": str(error)[:200]}
        raise Refused("target_unavailable", message % values, status=503) from error
