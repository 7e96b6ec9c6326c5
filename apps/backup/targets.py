"""Where backups are kept: a folder, or a bucket of S3. Files appear there whole or not at all."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.parse import urlsplit

from django.conf import settings

from apps.backup.errors import BackupFailed

S3: Final = "s3"
DRAFT: Final = ".part"


class TargetFailed(BackupFailed):
    """The place did not take, give or delete a file: full, away, or not allowed."""


class Destination(Protocol):
    """Names are relative, with `/`."""

    label: str

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        """A file that appears under its name when the block ends well."""
        ...

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Raises `FileNotFoundError`."""
        ...

    def names(self, prefix: str) -> dict[str, int]:
        """Names below this folder (`backups/`), with sizes in bytes. None: an empty dict."""

    def delete(self, name: str) -> None:
        """Deleting what is not there is no error."""


class FolderTarget:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.label = str(path)

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        path = self._path / name
        draft = path.with_name(f".{path.name}.{os.getpid()}{DRAFT}")
        with _refusals(self.label):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                draft.unlink(missing_ok=True)
                with draft.open("xb") as file:  # never through a link that somebody put there
                    draft.chmod(0o600)
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                draft.rename(path)
                _sync_folder(path.parent)
            finally:
                draft.unlink(missing_ok=True)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with _refusals(self.label), (self._path / name).open("rb") as file:
            yield file

    def names(self, prefix: str) -> dict[str, int]:
        with _refusals(self.label):
            return {
                path.relative_to(self._path).as_posix(): path.stat().st_size
                for path in sorted((self._path / prefix).rglob("*"))
                if path.is_file() and not path.name.endswith(DRAFT)
            }

    def delete(self, name: str) -> None:
        path = self._path / name
        with _refusals(self.label):
            path.unlink(missing_ok=True)
            if path.parent.exists() and not any(path.parent.iterdir()):
                path.parent.rmdir()


class BucketTarget:
    """`s3://bucket/prefix`, with keys from the usual AWS variables (or BACKUP_S3_…)."""

    def __init__(self, bucket: str, prefix: str) -> None:
        import boto3  # 15 MB, only where backups go to S3
        from botocore.config import Config

        self.label = f"{S3}://{bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        options = {key: value for key, value in settings.BACKUP_S3.items() if value}
        patient = Config(
            signature_version="s3v4",
            connect_timeout=10,
            read_timeout=120,
            retries={"max_attempts": 5, "mode": "standard"},
        )
        # A session of its own: the default one is shared between threads.
        self._bucket: Any = (
            boto3.session.Session().resource("s3", config=patient, **options).Bucket(bucket)
        )

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        with _refusals(self.label), tempfile.TemporaryFile(dir=_scratch()) as file:
            yield file
            file.seek(0)
            self._bucket.upload_fileobj(file, self._prefix + name)  # whole or not at all

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with _refusals(self.label):
            yield self._bucket.Object(self._prefix + name).get()["Body"]

    def names(self, prefix: str) -> dict[str, int]:
        with _refusals(self.label):
            return {
                found.key.removeprefix(self._prefix): found.size
                for found in self._bucket.objects.filter(Prefix=self._prefix + prefix)
            }

    def delete(self, name: str) -> None:
        with _refusals(self.label):
            self._bucket.Object(self._prefix + name).delete()


def target_from(place: str) -> Destination:
    """The target that `--to` or BACKUP_TO names. Raises `BackupFailed`."""
    if not place:
        raise BackupFailed("Where to? Name a folder or s3://bucket/folder by --to or BACKUP_TO.")
    parts = urlsplit(place)
    if parts.scheme == S3:
        if not parts.netloc:
            raise BackupFailed(f"{place} names no bucket.")
        return BucketTarget(parts.netloc, parts.path.strip("/"))
    if parts.scheme and "://" in place:
        raise BackupFailed(f"{place} is neither a folder nor s3://bucket/folder.")
    return FolderTarget(Path(place).expanduser().absolute())


@contextmanager
def _refusals(label: str) -> Iterator[None]:
    """What disks and boto3 raise becomes `TargetFailed`; a missing file `FileNotFoundError`."""
    try:
        yield
    except FileNotFoundError:
        raise
    except _refused_by() as error:
        answer = getattr(error, "response", {})
        if answer.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
            raise FileNotFoundError(label) from error
        raise TargetFailed(f"{label}: {getattr(error, 'strerror', None) or error}") from error


def _refused_by() -> tuple[type[Exception], ...]:
    """Without importing boto3 where backups are files."""
    found: list[type[Exception]] = [OSError]
    if core := sys.modules.get("botocore.exceptions"):
        found += [core.BotoCoreError, core.ClientError]
    if boto3 := sys.modules.get("boto3.exceptions"):
        found.append(boto3.Boto3Error)
    return tuple(found)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _scratch() -> str:
    """Not /tmp, which is often memory: a base backup is as large as the database."""
    folder = Path(settings.CAMPUS_VAR) / "backup"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder)
