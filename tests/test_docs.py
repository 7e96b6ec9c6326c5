"""What the documentation names exists: files, commands, links, tests, decisions."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from django.core.management import get_commands

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
# The changelog says what was true then.
TODAY: Final = tuple(page for page in PAGES if page.name != "CHANGELOG.md")
FOLDERS: Final = r"apps|campus|tests|bench|docs|templates|static|deploy|fixtures|locale|\.ci"
PLACEHOLDER: Final = re.compile(r"[<>…*{}]")
CODE: Final = re.compile(r"`([^`\n]+)`")
PATH: Final = re.compile(rf"(?:^|[\s=])((?:{FOLDERS})/[\w./-]*)")
MODULE: Final = re.compile(r"python -m ((?:apps|bench|tests)(?:\.\w+)+)")
COMMAND: Final = re.compile(r"manage\.py ([a-z]\w+)")
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
TEST: Final = re.compile(r"^(…?)(test_\w+|_\w+)(…?)$")

name_of = {page: page.relative_to(ROOT).as_posix() for page in PAGES}
every_page = pytest.mark.parametrize("doc", TODAY, ids=name_of.get)


def codes(page: Path) -> list[str]:
    return CODE.findall(page.read_text())


@every_page
def test_paths_exist(doc: Path) -> None:
    named = {
        found for code in codes(doc) if not PLACEHOLDER.search(code) for found in PATH.findall(code)
    }
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


@every_page
def test_modules_exist(doc: Path) -> None:
    named = set(MODULE.findall(doc.read_text()))
    files = {module: ROOT / module.replace(".", "/") for module in named}
    missing = [
        m for m, file in files.items() if not (file.with_suffix(".py").exists() or file.is_dir())
    ]
    assert missing == []


@every_page
def test_commands_exist(doc: Path) -> None:
    named = set(COMMAND.findall(doc.read_text()))
    assert named - set(get_commands()) == set()


@every_page
def test_links_lead_somewhere(doc: Path) -> None:
    dead = []
    for link in LINK.findall(doc.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (doc.parent / path).resolve() if path else doc
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for link in LINK.findall(index.read_text())
    }
    pages = {page for page in PAGES if page != index and page.parent.name != "decisions"}
    assert sorted(name_of[page] for page in pages - linked if page != ROOT / "README.md") == []


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = Counter(page.name[:4] for page in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [number for number, count in numbers.items() if count > 1] == []
    assert sorted(numbers) == [f"{n:04}" for n in range(1, len(numbers) + 1)]


def test_attacks_name_tests_that_exist() -> None:
    """Names may be cut with “…” at either end."""
    names = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    missing = []
    for code in codes(ROOT / "docs" / "attacks.md"):
        if found := TEST.match(code):
            before, part, after = found.groups()
            pattern = re.compile((".*" if before else "") + part + (".*" if after else "") + "$")
            if not any(map(pattern.match, names)):
                missing.append(code)
    assert missing == []


def test_every_app_is_in_the_table_of_apps() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text()
    apps = {f"apps/{path.parent.name}" for path in (ROOT / "apps").glob("*/apps.py")}
    assert {app for app in apps if f"| `{app}` |" not in table} == set()


def test_the_table_of_apps_is_in_the_order_of_the_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(c["layers"] for c in contracts if c["id"] == "apps")
    rank = {
        f"apps/{app.strip(' ()')}": n for n, line in enumerate(layers) for app in line.split("|")
    }
    rows = re.findall(
        r"^\| \d+ \| `(apps/\w+)` \|",
        (ROOT / "docs" / "architecture.md").read_text(),
        flags=re.MULTILINE,
    )
    ranks = [rank[app] for app in rows if app in rank]
    assert ranks == sorted(ranks)


def test_every_target_of_the_makefile_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        name
        for page in TODAY
        for name in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), flags=re.MULTILINE)
    }
    assert named - targets == set()


def test_works_of_others_keep_their_licence() -> None:
    notice = (ROOT / "NOTICE.md").read_text()
    vendored = [path for path in (ROOT / "static" / "vendor").iterdir() if path.is_dir()]
    fonts = {
        path.parent
        for folder in ("apps", "static")
        for suffix in ("ttf", "otf", "woff2")
        for path in (ROOT / folder).rglob(f"*.{suffix}")
    }
    for folder in {*vendored, *fonts}:
        assert (folder / "LICENSE").is_file(), folder
        assert f"`{folder.relative_to(ROOT).as_posix()}/`" in notice
