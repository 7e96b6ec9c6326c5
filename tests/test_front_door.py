"""The checks of `.ci` that are ours, and what a stranger looks for first."""

import re
import runpy
import secrets
import string
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[1]
GOOD: Final = """# Changelog

## [Unreleased]

### Added

- Something.

## [0.2.0] - 2026-11-28

### Fixed

- Something else,
  over two lines.

## [0.1.0] - 2026-11-21
"""


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / ".ci" / name))


def problems(text: str, version: str = "0.2.0") -> list[str]:
    found: list[str] = script("changelog_check.py")["problems_of"](text, version=version)
    return found


def test_our_changelog_is_right() -> None:
    assert script("changelog_check.py")["main"]() == 0


def test_a_right_changelog_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# Changelog", "# Changes"),
        ("## [Unreleased]\n\n### Added\n\n- Something.\n\n", ""),
        ("## [0.2.0] - 2026-11-28", "## 0.2.0"),
        ("2026-11-28", "2026-11-31"),
        ("2026-11-28", "2026-11-20"),
        ("[0.2.0]", "[0.0.9]"),
        ("### Fixed", "### Mended"),
        ("- Something.", "Something."),
        ("- Something.\n", ""),
        ("- Something.\n", "- Something.\n\n### Added\n\n- More.\n"),
    ],
)
def test_a_wrong_changelog_is_refused(old: str, new: str) -> None:
    assert old in GOOD
    assert problems(GOOD.replace(old, new, 1)) != []


def test_a_version_without_a_section_is_refused() -> None:
    assert problems(GOOD, version="0.3.0") != []


def test_the_scan_finds_a_secret_and_knows_what_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("detect_secrets")
    scan = script("secret_scan.py")
    monkeypatch.setitem(scan["found_in"].__globals__, "ROOT", tmp_path)
    letters = string.ascii_letters + string.digits
    made_up = "".join(secrets.choice(letters) for _ in range(64))
    (tmp_path / "settings.py").write_text(f'SIGNING = "{made_up}"\n')
    (tmp_path / "key.pem").write_text("-----BEGIN " + "PRIVATE KEY-----\n")
    (tmp_path / "calm.py").write_text('NAME = "campus"\nKEY = os.environ["SECRET_KEY"]\n')
    found = {name: scan["found_in"](name) for name in ("settings.py", "key.pem", "calm.py")}
    assert [name for name, secrets_in in found.items() if secrets_in] == ["settings.py", "key.pem"]


def test_the_package_names_its_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "AGPL-3.0-or-later"
    for pattern in project["license-files"]:
        assert list(ROOT.glob(pattern)), pattern
    assert (ROOT / "LICENSE").read_text().startswith("GNU AFFERO GENERAL PUBLIC LICENSE\n")


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"])
def test_a_stranger_finds_the_page(name: str) -> None:
    assert f"]({name})" in (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()


def test_the_locked_packages_are_all_that_the_platform_needs() -> None:
    """An image is built from `requirements.lock` alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    names = {canonicalize_name(name) for name in locked}
    needed = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert needed - names == set()
