"""Places outside the database that keep the roots: a folder, a bucket with object lock, mail."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

BUCKET = "audit_roots"  # of settings.STORAGES


@dataclass(frozen=True, kw_only=True)
class RootFile:
    """`name`: <chain>/<day>.json."""

    name: str
    content: bytes


class RootsTarget(Protocol):
    """`together`: all files that are new in one go; else each by itself."""

    name: str
    together: bool

    def write(self, files: list[RootFile]) -> None:
        """Keep these files; never change one that is there.

        Raises `FileExistsError` for another file in the place of one, and whatever goes wrong.
        """


class Folder:
    """`AUDIT_ROOTS_DIR`: best on another machine's disk, or on one that is written once."""

    name = "folder"
    together = False

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def write(self, files: list[RootFile]) -> None:
        for file in files:
            path = self._path / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, file.content)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)  # of a run that was killed; it cannot be written to
        draft.write_bytes(content)
        draft.chmod(0o444)
        try:
            os.link(draft, path)  # whole or not at all, and never over another
        except FileExistsError:
            if path.read_bytes() != content:
                raise
        finally:
            draft.unlink()


class Bucket:
    """`AUDIT_ROOTS_BUCKET`: S3; its object lock keeps even us from changing what is there."""

    name = "bucket"
    together = False

    def write(self, files: list[RootFile]) -> None:
        storage: Any = storages[BUCKET]
        for file in files:
            if not storage.exists(file.name):
                storage.save(file.name, ContentFile(file.content))
                continue
            with storage.open(file.name) as there:
                if there.read() != file.content:
                    raise FileExistsError(file.name)


class Mail:
    """`AUDIT_ROOTS_MAIL`: one e-mail with all that is new."""

    name = "mail"
    together = True

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    def write(self, files: list[RootFile]) -> None:
        email = EmailMessage(
            subject=_("Audit roots of %(day)s") % {"day": Path(files[-1].name).stem},
            body=_(
                "Keep this e-mail: with the attached files an export of the audit log can be "
                "checked later, without the database and without its keys."
            ),
            to=self._addresses,
        )
        for file in files:
            email.attach(file.name.replace("/", "_"), file.content, "application/json")
        email.send()


def configured_places() -> list[RootsTarget]:
    places: list[RootsTarget] = []
    if settings.AUDIT_ROOTS_DIR:
        places.append(Folder(settings.AUDIT_ROOTS_DIR))
    if BUCKET in settings.STORAGES:
        places.append(Bucket())
    if settings.AUDIT_ROOTS_MAIL:
        places.append(Mail(settings.AUDIT_ROOTS_MAIL))
    return places
