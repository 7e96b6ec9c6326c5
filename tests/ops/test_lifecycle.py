"""The life of an installation, by the commands of the guides, from nothing to another machine."""

import json
import re
import secrets
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings

from tests.biometrics.conftest import demo_faces, models_dir  # noqa: F401  (fixtures)
from tests.demo.test_simulation import portraits  # noqa: F401  (a fixture)
from tests.ops.lifecycle import Browser, Machine, code_for, link_in, names_in, totp_secret_of

ROOT_EMAIL = "rosa@platform.example"
ROOT_PASSWORD = "seven grey herons at dawn"
DOMAIN = "first.example"
CAMPUS = ("--campus", "first")
ROSTER = ("classrooms", "faculty", "subjects", "students", "assignments", "schedules")
LOGIN = "/_allauth/app/v1/auth/login"
WITH_A_FACE, WITHOUT = "SIM-BLURRED", "SIM-001"


@pytest.mark.slow
def test_from_an_empty_machine_to_another_one(
    portraits: Path | None,  # noqa: F811
    tmp_path: Path,
) -> None:
    env = {"BACKUP_TO": str(tmp_path / "backups")}
    env["CAMPUS_MODELS_DIR"] = str(settings.CAMPUS_MODELS_DIR)
    first = Machine(tmp_path / "first", **env)
    with first.up() as script:
        browser = set_up(first, link_in(script.lines))
        import_roster(first, tmp_path / "rosters")
        assert "-full: " in first.manage("backup", "--full")
        lecturer = play_a_class(first, portraits or tmp_path / "nobody")
        register = marks(first, lecturer)
        assert set(register.values()) == {"present", "absent"} | (
            {"invalid"} if portraits else set()
        )
        assert "-incremental: " in first.manage("backup")
    keys = first.keys()
    first.destroy()

    second = Machine(tmp_path / "second", **env, **keys)
    assert "-incremental " in second.manage("backup", "--list")
    assert "It is as it was written." in second.manage("verify_backup")
    assert "Restored: " in second.manage("restore", "latest", "--to-time", "latest")
    replace_the_master_key(second)
    with second.up():
        again = Browser(second)
        again.session.cookies = browser.session.cookies  # SECRET_KEY is the same
        assert "Rosa Root" in again.get("/admin/")
        assert marks(second, lecturer) == register
        assert "-full: " in second.manage("backup", "--full")
        assert_nothing_fails(second)
        assert second.manage("verify_audit").count("chain holds.") == 2  # campus and platform
        student = WITH_A_FACE if portraits else WITHOUT
        export_and_erase(second, tmp_path, student, has_face=portraits is not None)
        assert second.manage("verify_audit").count("chain holds.") == 2  # campus and platform
        left = marks(second, lecturer)
        assert student not in left
        assert sorted(left.values()) == sorted(register.values())  # the sums stay


def replace_the_master_key(machine: Machine) -> None:
    """As the guide says; nothing starts under the old one afterwards."""
    old, new = machine.env["CAMPUS_MASTER_KEY"], secrets.token_hex(32)
    with machine.up("--services-only"):
        machine.manage("migrate", "--verbosity=0")
        machine.env["CAMPUS_MASTER_KEY"] = new
        assert "Done." in machine.manage("rotate_master_key", CAMPUS_OLD_MASTER_KEY=old)
        assert "WrongMasterKey" in machine.manage("verify_audit", CAMPUS_MASTER_KEY=old, fails=True)


def set_up(machine: Machine, link: str) -> Browser:
    """The link's page, then what the list of first steps asks for."""
    browser = Browser(machine)
    secret = totp_secret_of(browser.get(link))
    start = browser.send(
        link,
        name="Rosa Root",
        email=ROOT_EMAIL,
        password=ROOT_PASSWORD,
        password_again=ROOT_PASSWORD,
        code=code_for(secret),
        campus_name="First College",
        slug="first",
        host="localhost",
        time_zone="UTC",
        email_domains=DOMAIN,
    )
    assert start.url.endswith("/admin/")
    assert "First steps" in start.text
    today = datetime.now(UTC).date()
    year = today.year
    added = browser.send(
        "/admin/enrollments/term/add/",
        name="Autumn",
        academic_year=f"{year}-{year + 1}",
        starts_on=(today - timedelta(days=7)).isoformat(),
        ends_on=(today + timedelta(days=90)).isoformat(),
    )
    assert "was added successfully" in added.text, added.text[:3000]
    (campus,) = set(re.findall(r"/admin/tenants/campus/(\d+)/change/", campuses_page(browser)))
    changed = browser.send(f"/admin/tenants/campus/{campus}/change/", face_enabled="on")
    assert "was changed successfully" in changed.text, changed.text[:3000]
    return browser


def campuses_page(browser: Browser) -> str:
    return browser.get("/admin/tenants/campus/")


def import_roster(machine: Machine, folder: Path) -> None:
    machine.manage("make_rosters", str(folder), "--students", "80", "--errors", "0")
    for number, kind in enumerate(ROSTER, start=1):
        said = machine.manage(
            "import_roster", kind, str(folder / f"{number}-{kind}.xlsx"), *CAMPUS, "--commit"
        )
        assert " 0 wrong." in said, said
        assert "Saved." in said


def play_a_class(machine: Machine, faces: Path) -> dict[str, str]:
    """A class of those on time; who held it, and the password."""
    faces.mkdir(exist_ok=True)
    quick = ("--quick", "--students", "19", "--faces", str(faces))
    said = machine.manage("simulate_class", "--url", machine.url, *CAMPUS, *quick, "--no-color")
    assert "DIFFERS" not in said
    (found,) = re.findall(r"as (\S+@\S+) with the password (\S+) ", said)
    return {"email": found[0], "password": found[1]}


def marks(machine: Machine, lecturer: dict[str, str]) -> dict[str, str]:
    """The class's register as the lecturer's app gets it: status by student number."""
    headers = {"X-Campus": "first"}
    signed_in = requests.post(f"{machine.url}{LOGIN}", json=lecturer, headers=headers, timeout=60)
    assert signed_in.status_code == 200, signed_in.text
    headers["Authorization"] = f"Bearer {signed_in.json()['meta']['access_token']}"

    def api(path: str) -> Any:
        answer = requests.get(f"{machine.url}/api/v1/{path}", headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    (session,) = api("sessions?status=completed")["results"]
    return {row["code"]: row["status"] for row in api(f"sessions/{session['id']}/board")["rows"]}


def assert_nothing_fails(machine: Machine) -> None:
    found, _end = json.JSONDecoder().raw_decode(machine.manage("doctor", "--json", "--all"))
    assert [one["text"] for one in found["checks"] if one["level"] == "fail"] == []


def export_and_erase(machine: Machine, folder: Path, student: str, *, has_face: bool) -> None:
    """A person's request for what is kept, then for its end."""
    images = len(names_in(machine.var / "media"))
    data = folder / "person.zip"
    machine.manage("export_person", student, *CAMPUS, "--to", str(data))
    with zipfile.ZipFile(data) as archive:
        names = archive.namelist()
        kept = json.loads(archive.read("data.json"))
    assert student in json.dumps(kept)
    assert any(name.endswith(".jpg") for name in names) is has_face
    said = machine.manage("erase_person", student, *CAMPUS, "--at-once")
    assert "Erased. SHA-256 " in said
    again = ("export_person", student, *CAMPUS, "--to", str(folder / "again.zip"))
    assert "There is nobody of this number" in machine.manage(*again, fails=True)
    assert (len(names_in(machine.var / "media")) < images) is has_face
