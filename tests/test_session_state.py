"""Nothing is set for a database session: behind a pooler it would outlive its transaction.

A pooler in transaction mode gives the connection to the next client as it was left. What is set
with SET LOCAL, `set_config(…, true)`, ON COMMIT DROP or a transaction's advisory lock ends in time.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("apps", "campus", "bench", "tests")
# Statements that a test expects to be refused, or that reach another server.
REFUSED = {
    "apps/old_databases/mysql.py": 1,  # MySQL, on a connection that is closed afterwards
    "tests/old_databases/test_mysql.py": 4,
    "tests/migrations/test_template_frames.py": 1,  # a connection of its own, as the superuser
    "tests/privacy/support.py": 1,  # a connection of its own, as the owner
    "tests/processes/test_embedded.py": 1,
    "tests/tenants/test_rights.py": 1,
}
HOLE = "\N{WHITE SQUARE}"  # stands for what an f-string fills in

_START = r"(?:^|;)\s*"
BANNED = {
    "SET without LOCAL": re.compile(
        _START + r"SET\s+(?!LOCAL\b|CONSTRAINTS\b|TRANSACTION\b|UP$)[\w.\"]+\s*(?:=|\bTO\b|\w)",
        re.I,
    ),
    "RESET or DISCARD": re.compile(_START + r"(?:RESET|DISCARD)\s+\w+"),
    "set_config(…) that is not local": re.compile(
        r"set_config\((?!(?:[^()]|\([^()]*\))*,\s*true\s*\))", re.I
    ),
    "a session's advisory lock": re.compile(r"pg_(?:try_)?advisory_(?:lock|unlock)", re.I),
    "LISTEN": re.compile(_START + r"(?:UN)?LISTEN\s+\S+", re.I),
    "a temporary table that stays": re.compile(
        r"CREATE\s+(?:LOCAL\s+|GLOBAL\s+)?TEMP(?:ORARY)?\s+(?!.*ON\s+COMMIT\s+DROP)", re.I | re.S
    ),
    "SELECT INTO TEMP": re.compile(r"\bINTO\s+TEMP(?:ORARY)?\b", re.I),
    "a cursor or statement that stays": re.compile(
        r"\bWITH\s+HOLD\b|" + _START + r"(?:PREPARE|DEALLOCATE)\s+\w+", re.I
    ),
}


def texts_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string of the code but docstrings, f-strings with holes."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, holders) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            assert isinstance(first, ast.Expr)
            skipped.add(id(first.value))
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
            parts = (p.value if isinstance(p, ast.Constant) else HOLE for p in node.values)
            yield node.lineno, "".join(map(str, parts))
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in skipped:
            yield node.lineno, text


def found_in(code: str) -> list[str]:
    return [
        f"{line}: {name}"
        for line, text in texts_of(ast.parse(code))
        for name, pattern in BANNED.items()
        if pattern.search(text)
    ]


def test_no_code_sets_anything_for_a_whole_session() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__) and (lines := found_in(path.read_text()))
        if len(lines) != REFUSED.get(str(path.relative_to(ROOT)))
    }
    assert found == {}


@pytest.mark.parametrize(
    "statement",
    [
        "SET search_path = x",
        "SET ROLE other",
        "set session statement_timeout to 5",
        "SELECT 1; SET campus.id = '3'",
        "RESET ALL",
        "SELECT set_config('campus.id', %s, false)",
        "SELECT set_config(%s, %s, %s)",
        "SELECT set_config('campus.id', current_setting('x'), false)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock(1, 2)",
        "LISTEN news",
        "CREATE TEMP TABLE t (n integer)",
        "CREATE TEMPORARY TABLE t AS SELECT 1",
        "SELECT 1 INTO TEMP t",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "PREPARE p AS SELECT 1",
    ],
)
def test_what_would_stay_is_found(statement: str) -> None:
    assert found_in(f"run({statement!r})")
    assert found_in(f"run(f{statement!r})")


@pytest.mark.parametrize(
    "statement",
    [
        "SET LOCAL lock_timeout = 0",
        "UPDATE t SET a = 1",
        "SELECT set_config('campus.id', %s, true)",
        "SELECT set_config('a', '', true), set_config('b', current_setting('c'), true)",
        "SELECT pg_advisory_xact_lock(1)",
        "CREATE TEMP TABLE t (n integer) ON COMMIT DROP",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ],
)
def test_what_ends_with_its_transaction_is_allowed(statement: str) -> None:
    assert found_in(f"run({statement!r})") == []
