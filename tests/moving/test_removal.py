"""A campus that is removed: closed at once, gone after a while, with proof."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import ProgrammingError, connections, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.accounts.models import Membership, Role, User
from apps.audit.models import PlatformEntry, Root
from apps.audit.services import PLATFORM_LOG, Actor, verify
from apps.backup.errors import BackupFailed
from apps.moving import reminding
from apps.moving.catalogue import campus_tables
from apps.moving.checks import count_removals, look_at_removals
from apps.moving.owner import as_owner
from apps.moving.reminding import removals_look
from apps.moving.removal import Removed, campus_remove, removal_ask, removal_take_back
from apps.ops.diagnosis import FAIL, OK, WARN, Look
from apps.tenants.models import Campus, CampusRemoval, Domain
from apps.tenants.scope import campus_scope, platform_scope
from tests.accounts.support import mint_access_token
from tests.factories import Cast, make_user
from tests.moving import scenes

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

WAITING = timedelta(days=30)
OPERATOR = Actor(id="command-line", label="somebody on the command line")


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    default = settings.STORAGES["default"]
    options = {**default["OPTIONS"], "location": tmp_path}
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": options}}
    return tmp_path


@pytest.fixture
def filled(media: Path) -> Iterator[Campus]:
    """The north with something of everything; a classmate also belongs to the south."""
    scenes.fill()
    south = Campus.objects.get(slug="south")
    with campus_scope(south):
        scenes.store_photo("green")
        shared = make_user("shared@north.example", "student")
    north = Campus.objects.get(slug="north")
    with campus_scope(north):
        Membership.objects.create(user=shared, role=Role.STUDENT)
    yield north
    connections["owner"].close()


def asked(campus: Campus, now: datetime) -> datetime:
    return removal_ask(campus=campus, waiting=WAITING, now=now, actor=OPERATOR)


def rows_of(campus_id: int) -> dict[str, int]:
    """Rows with this campus's number, in every table that has such a column."""
    found = {}
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE a.attname = 'campus_id' AND c.relkind = 'r' "
            "AND c.relnamespace = 'public'::regnamespace"
        )
        names = [name for (name,) in cursor.fetchall()]
        for place in (str(campus_id), ""):  # inside it, and outside every campus
            cursor.execute("SELECT set_config('campus.id', %s, true)", [place])
            for name in names:
                cursor.execute(f"SELECT count(*) FROM {name} WHERE campus_id = %s", [campus_id])
                if count := cursor.fetchone()[0]:
                    found[name] = count
    return found


def test_it_is_closed_at_once_and_can_be_opened_again(cast: Cast, now: datetime) -> None:
    token = mint_access_token(cast.student.user, cast.campus)
    phone = APIClient(headers={"host": cast.host, "authorization": f"Bearer {token}"})
    assert phone.get("/api/v1/me").status_code == 200
    due = asked(cast.campus, now)
    assert due == now + WAITING
    assert phone.get("/api/v1/me").status_code in {401, 404}
    with pytest.raises(BackupFailed, match="asked already"):
        asked(cast.campus, now)
    with pytest.raises(BackupFailed, match="is removed from"):
        campus_remove(slug="north", now=due - timedelta(seconds=1), actor=OPERATOR)
    removal_take_back(slug="north", now=now, actor=OPERATOR)
    assert Campus.objects.get(slug="north").is_active
    assert not CampusRemoval.objects.exists()
    with pytest.raises(BackupFailed, match="was not asked for"):
        campus_remove(slug="north", now=due, actor=OPERATOR)
    with platform_scope():
        actions = PlatformEntry.objects.order_by("pk").values_list("action", flat=True)
        assert list(actions)[-2:] == [
            "platform.campus.removal_asked",
            "platform.campus.removal_taken_back",
        ]


def test_a_campus_that_was_opened_again_by_hand_is_not_removed(
    cast: Cast, now: datetime, mailoutbox: list[Any]
) -> None:
    """Somebody ticked “active” in the administration, and people work there."""
    User.objects.create_superuser("boss@platform.example", "only for this test 1")
    due = asked(cast.campus, now)
    with as_owner():
        Campus.objects.filter(pk=cast.campus.pk).update(is_active=True)
    before = rows_of(cast.campus.pk)
    for at_once in (False, True):
        with pytest.raises(BackupFailed, match="was opened again"):
            campus_remove(slug="north", now=due, actor=OPERATOR, at_once=at_once)
    assert removals_look(now=due) == 0
    assert "was opened again" in mailoutbox[-1].body
    with pytest.raises(CommandError, match="was opened again"):
        call_command("remove_campus", "--finish")
    assert rows_of(cast.campus.pk) == before
    with as_owner():
        Campus.objects.filter(pk=cast.campus.pk).update(is_active=False)
    assert campus_remove(slug="north", now=due, actor=OPERATOR).rows["accounts_student"] == 4


def test_the_application_cannot_ask_for_it(cast: Cast, now: datetime) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        CampusRemoval.objects.create(campus=cast.campus, asked_at=now, asked_by="x", due_at=now)


def test_everything_goes_and_nothing_of_another_campus(
    filled: Campus, media: Path, now: datetime
) -> None:
    south = Campus.objects.get(slug="south")
    asked(filled, now)
    orphan = media / f"snapshots/2026/09/13/{filled.pk}/{'0' * 64}.bin"  # of no row
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")
    cache.set(f"session:{filled.pk}:1", "x")
    cache.set(f"session:{south.pk}:1", "x")
    before, theirs = rows_of(filled.pk), rows_of(south.pk)
    assert len(before) > 25
    files = {path for path in media.rglob("*") if path.is_file()}

    done = campus_remove(slug="north", now=now + WAITING, actor=OPERATOR)

    assert rows_of(filled.pk) == {}
    assert rows_of(south.pk) == theirs
    left = {path for path in media.rglob("*") if path.is_file()}
    assert len(left) == 1
    assert len(files) - len(left) == done.objects == 6
    assert not Campus.objects.filter(slug="north").exists()
    assert not Domain.objects.filter(host="north.example").exists()
    with platform_scope():
        assert not Root.objects.filter(chain="north").exists()
    assert cache.get(f"session:{filled.pk}:1") is None
    assert cache.get(f"session:{south.pk}:1") == "x"
    # Who belongs to another campus too keeps the account; the others have none.
    emails = set(User.objects.values_list("email", flat=True))
    assert "shared@north.example" in emails
    assert not any(email.endswith("@north.example") for email in emails - {"shared@north.example"})
    assert (done.accounts, done.kept) == (9, 1)


def test_the_platform_keeps_the_proof(filled: Campus, now: datetime) -> None:
    asked(filled, now)
    done = campus_remove(slug="north", now=now + WAITING, actor=OPERATOR)
    assert done.rows["accounts_student"] == 4
    assert sum(done.rows.values()) > 80
    assert done.last_root["position"] > 5
    with platform_scope():
        entry = PlatformEntry.objects.get(action="platform.campus.removed")
        assert verify(log=PLATFORM_LOG).problems == []
    proof = {**entry.data}
    assert proof.pop("at_once") is False
    sha256 = proof.pop("sha256")
    assert sha256 == done.sha256 == Removed(**proof).sha256
    text = json.dumps(proof, sort_keys=True).encode()
    assert hashlib.sha256(text).hexdigest() == sha256
    assert set(proof["rows"]) == set(campus_tables())


def test_a_storage_that_does_not_delete_keeps_the_rows(
    filled: Campus, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.files.storage import default_storage

    def refuse(_name: str) -> None:
        raise PermissionError("read-only")

    asked(filled, now)
    before = rows_of(filled.pk)
    with monkeypatch.context() as patch:
        patch.setattr(type(default_storage._wrapped), "delete", lambda _self, name: refuse(name))
        with pytest.raises(BackupFailed, match="does not delete"):
            campus_remove(slug="north", now=now + WAITING, actor=OPERATOR)
    assert rows_of(filled.pk) == before
    assert campus_remove(slug="north", now=now + WAITING, actor=OPERATOR).objects == 5


def test_people_are_reminded_and_it_goes_when_its_day_has_come(
    filled: Campus, now: datetime, mailoutbox: list[Any]
) -> None:
    User.objects.create_superuser("boss@platform.example", "only for this test 1")
    due = asked(filled, now)
    for days in (29, 8, 6, 2):
        assert removals_look(now=due - timedelta(days=days)) == 0
    assert mailoutbox == []
    for days in (7, 1):
        assert removals_look(now=due - timedelta(days=days)) == 0
    told = sorted((mail.to[0], mail.body.split(" everything")[0]) for mail in mailoutbox)
    assert told == [
        ("admin@north.example", "In 1 day"),
        ("admin@north.example", "In 7 days"),
        ("boss@platform.example", "In 1 day"),
        ("boss@platform.example", "In 7 days"),
    ]
    assert removals_look(now=due) == 1
    assert rows_of(filled.pk) == {}


def test_without_the_owners_role_somebody_is_asked_to_run_the_command(
    cast: Cast, now: datetime, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_superuser("boss@platform.example", "only for this test 1")
    due = asked(cast.campus, now)

    def refuse(**_: Any) -> None:
        raise BackupFailed("This needs the owner's role.")

    monkeypatch.setattr(reminding, "campus_remove", refuse)
    assert removals_look(now=due) == 0
    (mail,) = mailoutbox
    assert mail.to == ["boss@platform.example"]
    assert "manage.py remove_campus --finish" in mail.body


def test_the_command(filled: Campus, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="There is no campus"):
        call_command("remove_campus", "nowhere")
    with pytest.raises(CommandError, match="was not asked for"):
        call_command("remove_campus", "north", "--finish")
    call_command("remove_campus", "north", "--days", "3")
    assert "north is closed" in capsys.readouterr().out
    with pytest.raises(CommandError, match="is removed from"):
        call_command("remove_campus", "north", "--finish")
    call_command("remove_campus", "north", "--undo")
    call_command("remove_campus", "north")
    with pytest.raises(CommandError, match="Repeat the campus's short name"):
        call_command("remove_campus", "north", "--at-once", "south")
    call_command("remove_campus", "north", "--at-once", "north")
    said = capsys.readouterr().out
    assert "accounts_student: 4 rows deleted" in said
    assert "Backups hold the campus until they are older than 35 days." in said
    assert rows_of(filled.pk) == {}


def lines(now: datetime) -> list[tuple[str, str, str]]:
    return list(look_at_removals(Look(now=now)))


def test_the_doctor_names_what_is_due_and_what_to_do(cast: Cast, now: datetime) -> None:
    assert lines(now) == [(OK, "No campus waits to be removed.", "")]
    due = asked(cast.campus, now)
    assert [level for level, *_rest in lines(now)] == [OK]
    assert "“north” is closed" in lines(now)[0][1]
    for later, level in ((0, WARN), (23, WARN), (24, FAIL)):
        ((found, text, advice),) = lines(due + timedelta(hours=later))
        assert found == level
        assert "“north”" in text
        ((found, text, _advice),) = count_removals(
            Look(now=due + timedelta(hours=later, minutes=1))
        )
        assert found == (FAIL if level == FAIL else OK)
        assert "north" not in text
        assert "docker compose run --rm migrate python manage.py remove_campus --finish" in advice


def test_finish_without_a_name_removes_all_that_are_due(
    filled: Campus, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="Name the campus"):
        call_command("remove_campus")
    call_command("remove_campus", "--finish")
    assert "No campus is due" in capsys.readouterr().out
    removal_ask(campus=filled, waiting=timedelta(0), now=timezone.now(), actor=OPERATOR)
    south = Campus.objects.get(slug="south")
    removal_ask(campus=south, waiting=WAITING, now=timezone.now(), actor=OPERATOR)
    call_command("remove_campus", "--finish")
    assert "north:" in capsys.readouterr().out
    assert list(Campus.objects.values_list("slug", flat=True)) == ["south"]
