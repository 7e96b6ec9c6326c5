"""Production does not install the demo, and nothing else of the platform needs it."""

import json
from pathlib import Path

import pytest

from tests.ops.running import ROOT, Script, environment, running

COMMANDS = {path.stem for path in (ROOT / "apps/demo/management/commands").glob("*.py")} - {
    "__init__"
}
# The whole platform, where importing the demo fails as if it had been deleted.
WITHOUT_THE_DEMO = """
import json, pkgutil, sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "apps.demo" or name.startswith("apps.demo."):
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Absent())
import django

django.setup()
from django.apps import apps
from django.core.management import call_command, get_commands
from django.urls import get_resolver

call_command("check", deploy=True, fail_level="WARNING")
heavy = [name for name in ("fpdf", "fontTools") if name in sys.modules]
import apps as folder

modules = []
for found in pkgutil.walk_packages(folder.__path__, "apps.", onerror=lambda name: None):
    if found.name.split(".")[1] != "demo" and not found.name.endswith(".reading.child"):
        __import__(found.name)
        modules.append(found.name)
print(
    json.dumps(
        {
            "installed": [config.name for config in apps.get_app_configs()],
            "commands": sorted(get_commands()),
            "pages": len(get_resolver().url_patterns),
            "modules": len(modules),
            "heavy": heavy,
        }
    )
)
"""


def production(**changes: str) -> dict[str, str]:
    """Good values, and servers that nobody may ask."""
    return environment(
        DJANGO_SETTINGS_MODULE="campus.settings.production",
        SECRET_KEY="".join(chr(33 + number) for number in range(60)),
        CAMPUS_MASTER_KEY=bytes(range(32)).hex(),
        ALLOWED_HOSTS="campus.example",
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
        DATABASE_OWNER_URL="postgresql://nobody@127.0.0.1:1/none",
        REDIS_URL="redis://127.0.0.1:1/0",
        SILENCED_SYSTEM_CHECKS="backup.W001,ops.W001,ops.W002,ops.W003",
        **changes,
    )


def finished(*arguments: str, log: Path) -> tuple[int, Script]:
    with running(*arguments, log=log, env=production()) as script:
        return script.finish(), script


def test_everything_else_works_without_the_demo(tmp_path: Path) -> None:
    code, script = finished("-c", WITHOUT_THE_DEMO, log=tmp_path / "log")
    assert code == 0, script.lines[-5:]
    found = json.loads(script.lines[-1])
    assert "apps.portal" in found["installed"]
    assert "apps.demo" not in found["installed"]
    assert {"up", "import_roster", "migrate"} <= set(found["commands"])
    assert not COMMANDS & set(found["commands"])
    assert found["pages"] > 0
    assert found["modules"] > 400
    assert found["heavy"] == []  # a tenth of every start: loaded by the first PDF


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_production_has_no_command_of_the_demo(tmp_path: Path, command: str) -> None:
    code, script = finished("manage.py", command, log=tmp_path / "log")
    assert code == 1
    assert any(line.startswith(f"Unknown command: '{command}'") for line in script.lines)


def test_up_with_the_demo_is_refused_before_anything_starts(tmp_path: Path) -> None:
    code, script = finished("manage.py", "up", "--demo", log=tmp_path / "log")
    assert code == 1
    assert script.lines[-1].endswith("do not install apps.demo: start without --demo.")


def test_the_container_image_leaves_the_demo_out() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored.index("apps/demo") > ignored.index("!apps")
