"""A build system that builds nothing and runs nothing: it only repeats a package's name.

Copied to `setuptools/build_meta.py` for the one pip subprocess that downloads a source archive; the
hooks are those of PEP 517. It must import nothing of this project.
"""

import os
from pathlib import Path
from typing import Any

NAME_VARIABLE = "CAMPUS_INERT_NAME"
VERSION_VARIABLE = "CAMPUS_INERT_VERSION"


class Backend:
    def get_requires_for_build_wheel(self, config_settings: Any = None) -> list[str]:
        return []

    def prepare_metadata_for_build_wheel(
        self, metadata_directory: str, config_settings: Any = None
    ) -> str:
        name, version = os.environ[NAME_VARIABLE], os.environ[VERSION_VARIABLE]
        folder = Path(metadata_directory, f"{name}-{version}.dist-info")
        folder.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (folder / "METADATA").write_text(text, encoding="utf-8")
        return folder.name


__legacy__ = Backend()  # the name pip asks setuptools for when there is no pyproject.toml
