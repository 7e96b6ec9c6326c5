"""Which version runs."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from django.conf import settings

PACKAGE: Final = "campus-platform"
API_VERSIONS: Final = ("v1",)


@cache
def campus_version() -> str:
    """As pyproject.toml says; a container has the file and not the package."""
    project = settings.BASE_DIR / "pyproject.toml"
    for line in project.read_text().splitlines() if project.exists() else ():
        if line.startswith("version = "):
            return line.partition('"')[2].rstrip('"')
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"
