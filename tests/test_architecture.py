"""The layers of the house, where import-linter cannot see: foreign keys and what loads what."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.db import models

from apps.accounts.permissions import ROLE_MODEL_PERMISSIONS

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}
LAYERS = CONTRACTS["apps"]["layers"]
RANK = {app.strip(" ()"): row for row, line in enumerate(LAYERS) for app in line.split("|")}
LONGEST_FILE = 400
LARGEST_APP = 4600  # lines of Python without migrations
# The reviewed list of all tables, which tests/tenants/test_rights.py compares with the models.
RIGHTS = ROOT / "apps" / "tenants" / "rights.py"
# Django's commands, and fields that forms and serializers call alike, as Django and the REST
# framework do. The others are to be divided.
SHARED_NAMES = {
    *("Command", "Migration", "ClockField", "DayField", "MomentField", "NumberTextField"),
    *("PhoneField", "Channel", "Contact", "Outcome", "Rule", "Status"),
}


def rank(model: type[models.Model]) -> int | None:
    return RANK.get(model._meta.app_config.name.removeprefix("apps."))  # type: ignore[union-attr]


def test_foreign_keys_point_down_the_layers() -> None:
    upward = []
    for model in apps.get_models():
        if rank(model) is None:
            continue
        for field in model._meta.local_fields:
            target = field.related_model
            if target is None or target._meta.label == settings.AUTH_USER_MODEL:
                continue
            same_app = target._meta.app_config is model._meta.app_config
            if not same_app and (rank(target) is None or rank(target) <= rank(model)):
                upward.append(f"{model._meta.label}.{field.name} → {target._meta.label}")
    assert upward == []


def test_every_app_stands_in_the_layers() -> None:
    folders = {path.parent.name for path in (ROOT / "apps").glob("*/__init__.py")}
    assert folders == set(RANK)


def test_only_apis_import_an_api() -> None:
    """Pages, the admin and tasks neither: what views share is in `accounts.requests` or a service.

    `common.api` is a file of helpers for all APIs, which middleware answers with too.
    """
    packages = {f"apps.{path.parent.name}.api" for path in (ROOT / "apps").glob("*/api")}
    imports = []
    for path in (ROOT / "apps").rglob("*.py"):
        if "api" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            found = {name for name in names if ".".join(name.split(".")[:3]) in packages}
            imports += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(found)]
    assert imports == []


def modules_of(app: str) -> set[str]:
    """The modules and packages right below an app, but for its migrations."""
    folder = ROOT / "apps" / app
    files = {path.stem for path in folder.glob("*.py")}
    packages = {path.name for path in folder.iterdir() if any(path.rglob("*.py"))}
    return (files | packages) - {"__init__", "migrations"}


def test_every_module_of_every_app_stands_in_a_layer() -> None:
    """The layers of an app's inside name each of its modules: nothing is outside the rules."""
    layers = {
        container.removeprefix("apps."): {
            name for line in contract["layers"] for name in re.findall(r"\w+", line)
        }
        for identity, contract in CONTRACTS.items()
        if identity.startswith("inside")
        for container in contract["containers"]
    }
    folders = {path.name for path in (ROOT / "apps").iterdir() if (path / "__init__.py").exists()}
    assert set(layers) == folders
    outside = {app: modules_of(app) - layers[app] for app in folders}
    assert {app: names for app, names in outside.items() if names} == {}


def test_roles_name_models_that_exist() -> None:
    entries = {entry for named in ROLE_MODEL_PERMISSIONS.values() for entry in named}
    labels = {entry.partition(":")[2] for entry in entries} - {"*"}
    assert labels <= {model._meta.label_lower for model in apps.get_models()}


def test_names_in_strings_point_down_the_layers() -> None:
    """Tasks are called by their names: what an import may not do, a string may not either."""
    upward = []
    for path in sorted((ROOT / "apps").rglob("*.py")):
        app = path.relative_to(ROOT / "apps").parts[0]
        if "migrations" in path.parts:
            continue
        for named in re.findall(r"[\"']apps\.(\w+)\.[\w.]+[\"']", path.read_text()):
            if named != app and RANK[named] <= RANK[app]:
                upward.append(f"{path.relative_to(ROOT)}: {named}")
    assert upward == []


def strings_of(path: Path) -> list[str]:
    """The text of every string of a file, docstrings left out; of f-strings the literal parts."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_sql_names_tables_of_other_apps_through_their_models() -> None:
    """By `apps.common.rows.table_name`: a model that is renamed is then found by its import."""
    owners = {
        model._meta.db_table: model._meta.app_config.name
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_config is not None and model._meta.app_config.name.startswith("apps.")
    }
    named = re.compile(rf"\b({'|'.join(owners)})\b")
    literal = []
    for path in sorted((ROOT / "apps").rglob("*.py")):
        app = f"apps.{path.relative_to(ROOT / 'apps').parts[0]}"
        if "migrations" in path.parts or path == RIGHTS:
            continue
        tables = {table for text in strings_of(path) for table in named.findall(text)}
        foreign = sorted(table for table in tables if owners[table] != app)
        literal += [f"{path.relative_to(ROOT)}: {table}" for table in foreign]
    assert literal == []


def test_no_app_is_too_large() -> None:
    sizes = {
        app.name: sum(
            len(path.read_text().splitlines())
            for path in app.rglob("*.py")
            if "migrations" not in path.parts
        )
        for app in (ROOT / "apps").iterdir()
    }
    assert {app for app, lines in sizes.items() if lines > LARGEST_APP} == set()


def test_no_file_is_too_long() -> None:
    grown = {
        str(path.relative_to(ROOT)): lines
        for folder, kind in (("apps", "py"), ("campus", "py"), ("static", "css"), ("static", "js"))
        for path in (ROOT / folder).rglob(f"*.{kind}")
        if not {"migrations", "vendor"} & set(path.parts)
        and (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert grown == {}


def test_each_class_has_a_name_of_its_own() -> None:
    """Two classes with one name in two apps: a reader has to look up the imports each time."""
    where: dict[str, set[str]] = {}
    for path in (ROOT / "apps").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where.setdefault(node.name, set()).add(str(path.relative_to(ROOT)))
    shared = {name: sorted(paths) for name, paths in where.items() if len(paths) > 1}
    assert {name: paths for name, paths in shared.items() if name not in SHARED_NAMES} == {}


def test_no_setting_is_given_twice() -> None:
    """The later one would win without a word: limits on codes were lost like this once."""
    twice = []
    for path in sorted((ROOT / "campus" / "settings").glob("*.py")):
        names: list[str] = []
        for line in ast.parse(path.read_text()).body:
            targets = getattr(line, "targets", [getattr(line, "target", None)])
            names += [target.id for target in targets if isinstance(target, ast.Name)]
        twice += [f"{path.name}: {name}" for name, count in Counter(names).items() if count > 1]
    assert twice == []


@pytest.mark.django_db  # it does not start on a database without tables
def test_the_web_process_loads_no_neural_network() -> None:
    """Django with all addresses resolved, in a process of its own."""
    code = (
        "import django, sys; django.setup();"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "from campus.wsgi import application;"
        "heavy = {'cv2', 'onnxruntime', 'deepface', 'tensorflow', 'onnx', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"


def test_workers_and_commands_import_no_pages() -> None:
    """They start in less time without, and take less memory."""
    code = "import django, sys; django.setup(); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    ours = [name.split(".") for name in result.stdout.split() if name.startswith("apps.")]
    pages = {"admin", "views", "urls", "forms", "serializers"}
    assert [name for name in ours if pages & set(name[2:])] == []


def test_every_command_starts_without_the_checks_of_pages() -> None:
    checking = {
        name
        for name, app in get_commands().items()
        if app.startswith("apps.") and load_command_class(app, name).requires_system_checks != ()
    }
    # Django's own, which ours extend.
    assert checking <= {"migrate", "changepassword", "createsuperuser"}


def test_digits_are_asked_for_as_int_reads_them() -> None:
    """`"²".isdigit()` holds, and `int("²")` raises."""
    asking = {
        str(path.relative_to(ROOT))
        for folder in ("apps", "campus")
        for path in (ROOT / folder).rglob("*.py")
        if ".isdigit()" in path.read_text()
    }
    assert asking == set()


def test_nobody_waits_for_the_cache_server_by_themselves() -> None:
    """`apps.common.cache` has the circuit breaker: no other client waits at each call."""
    taken = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "apps").rglob("*.py"))
        if ".get_client(" in path.read_text()
    ]
    assert taken == ["apps/common/cache.py"]


WRITES = {"create", "update", "save", "delete", "bulk_create", "bulk_update", "update_or_create"}
# Public helpers that only ever run inside a service's or an import's transaction.
INSIDE_ANOTHER = {"log", "sign_in_record"}


def calls_in(node: ast.FunctionDef) -> set[str]:
    return {
        call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
    }


def test_a_change_and_its_audit_entry_are_one_transaction() -> None:
    """Refusals are committed: what a service wrote before it refuses must not stay."""
    apart = []
    for path in (*(ROOT / "apps").glob("*/services/*.py"), *(ROOT / "apps").glob("*/services.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            calls = calls_in(node)
            atomic = "atomic" in calls or any(
                "atomic" in ast.unparse(d) for d in node.decorator_list
            )
            if WRITES & calls and {"log", "log_event"} & calls and not atomic:
                apart.append(f"{path.relative_to(ROOT / 'apps')}: {node.name}")
    assert [one for one in apart if one.rpartition(" ")[2] not in INSIDE_ANOTHER] == []
