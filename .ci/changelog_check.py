"""Whether CHANGELOG.md follows Keep a Changelog and has a section for the version of the package.

python .ci/changelog_check.py
"""

import datetime
import itertools
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHANGES = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
RELEASE = re.compile(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})")


def problems_of(text: str, *, version: str) -> list[str]:
    title, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    headings = [section.splitlines()[0].strip() for section in sections]
    problems = []
    if not title.startswith("# Changelog\n"):
        problems.append("The first line has to be “# Changelog”.")
    if headings[:1] != ["[Unreleased]"]:
        problems.append("The first section has to be “## [Unreleased]”.")
    problems += _releases(headings[1:])
    if not any(heading.startswith(f"[{version}] ") for heading in headings):
        problems.append(f"The version of pyproject.toml, {version}, has no section.")
    for heading, section in zip(headings, sections, strict=True):
        problems += [f"{heading}: {problem}" for problem in _changes(section)]
    return problems


def _releases(headings: list[str]) -> list[str]:
    """Releases are named “[1.2.3] - 2026-01-31”, the newest first."""
    problems = []
    known = []
    for heading in headings:
        found = RELEASE.fullmatch(heading)
        if not found:
            problems.append(f"“## {heading}” is no release: “## [1.2.3] - 2026-01-31”.")
            continue
        *numbers, day = found.groups()
        try:
            known.append((tuple(map(int, numbers)), datetime.date.fromisoformat(day)))
        except ValueError:
            problems.append(f"“## {heading}” has no such day.")
    for newer, older in itertools.pairwise(known):
        if newer[0] <= older[0] or newer[1] < older[1]:
            problems.append(f"{older[0]} stands below {newer[0]} and is not older.")
    return problems


def _changes(section: str) -> list[str]:
    """A section has headings of CHANGES, each once, each with a list below it."""
    _heading, *groups = re.split(r"^### ", section, flags=re.MULTILINE)
    names = [group.splitlines()[0].strip() for group in groups]
    problems = [
        f"“### {name}” is none of {', '.join(CHANGES)}." for name in names if name not in CHANGES
    ]
    problems += [f"“### {name}” stands there twice." for name in CHANGES if names.count(name) > 1]
    for name, group in zip(names, groups, strict=True):
        lines = [line for line in group.splitlines()[1:] if line.strip()]
        if not lines:
            problems.append(f"“### {name}” is empty.")
        problems += [
            f"“### {name}”: every line begins with “- ”, not: {line[:40]}"
            for line in lines
            if not line.startswith(("- ", "  "))
        ]
    return problems


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "CHANGELOG.md").read_text()
    problems = problems_of(text, version=project["version"])
    for problem in problems:
        sys.stderr.write(f"CHANGELOG.md: {problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
