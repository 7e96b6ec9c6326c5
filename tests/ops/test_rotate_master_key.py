"""Another master key: everything that the old one sealed opens under it, and the old is refused."""

import ast
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connections
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts.invitation_links import invitation_token, read_token
from apps.audit.services import SYSTEM, entered, log_event, seal_pending, verify
from apps.audit.services.roots import public_key
from apps.biometrics.models import FaceTemplate, StoredImage
from apps.biometrics.services import image_store
from apps.biometrics.storage import read_image
from apps.biometrics.vectors import is_intact, protect
from apps.checkin.factors.bluetooth import BEACON_SEAL
from apps.classrooms.beacons import sealed_beacon_secret
from apps.classrooms.models import Beacon
from apps.common.crypto import SealBroken, check_value, fingerprint, unseal
from apps.imports.models import ImportRun
from apps.imports.services import files as import_files
from apps.jobs.models import Job
from apps.leave import attachments
from apps.leave.models import Attachment
from apps.oneroster.models import OneRosterConnection
from apps.oneroster.selectors import client_secret
from apps.oneroster.services import secret_give
from apps.ops.heartbeats import beats
from apps.ops.management.commands import rotate_master_key as command
from apps.qr_otp.selectors import live_secret
from apps.qr_otp.services import secret_start
from apps.register_exports.models import WarehouseSetting
from apps.register_exports.selectors import pseudonyms_of
from apps.register_exports.services import new_key
from apps.reports import files as report_files
from apps.reports.services import EXPORT
from apps.tenants import master_key, rotation
from apps.tenants.master_key import (
    HalfReplacedMasterKey,
    MasterKeyRefused,
    RetiredMasterKey,
    WrongMasterKey,
    record_master_key,
)
from apps.tenants.models import Campus
from apps.tenants.roles import keep_signing_keys
from apps.tenants.rotation import RotationRefused
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from apps.timetable.selectors.feeds import feed_owner
from apps.timetable.services.calendar_links import calendar_link_create
from apps.timetable_feeds.models import FeedRun, TimetableFeed
from apps.timetable_feeds.selectors import file_of, header_value, sealed_file
from apps.timetable_feeds.services import header_give
from tests.biometrics.support import make_model, make_template, plain_jpeg, unit
from tests.factories import Cast

OLD, NEW, NEWER = bytes(range(32)), bytes(range(100, 132)), bytes(range(140, 172))
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
VECTOR = unit(1, 2, 3)
KEYED = "apps.signin.passwords.KeyedBCryptHasher"

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture(autouse=True)
def _keys(settings: Settings, monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[None]:
    """The database is under the key of the tests, before and after."""

    def anew() -> None:
        settings.CAMPUS_MASTER_KEY, settings.CAMPUS_OLD_MASTER_KEY = OLD, b""
        rotation.forget_older_keys()
        connections.close_all()
        with master_key.accepting_the_old_key(), connections["owner"].cursor() as cursor:
            cursor.execute("DELETE FROM tenants_masterkey")
            keep_signing_keys(cursor)
            record_master_key(owner="owner")

    monkeypatch.setattr(master_key, "_confirmed", {})
    settings.PASSWORD_HASHERS = [KEYED, *settings.PASSWORD_HASHERS]
    anew()
    yield
    anew()


def give(settings: Settings, *, current: bytes, old: bytes = b"") -> None:
    """As processes that are started with these keys."""
    settings.CAMPUS_MASTER_KEY, settings.CAMPUS_OLD_MASTER_KEY = current, old
    rotation.forget_older_keys()
    connections.close_all()
    cache.clear()
    master_key._confirmed.clear()


class Kept:
    """One of everything that the master key seals, signs or hashes."""

    def __init__(self, cast: Cast, now: datetime) -> None:
        self.campus, self.now = cast.campus, now
        self.user = cast.lecturer.user
        self.password = make_password("correct horse battery staple")
        with signed_act("mfa_authenticator"):
            TOTP.activate(self.user, TOTP_SECRET)
        self.public_key = public_key()
        with campus_scope(cast.campus):
            image_store(data=plain_jpeg("blue"), now=now, kept_for=None)
            make_template(cast.student, VECTOR, model=make_model(now=now), now=now)
            self.calendar = calendar_link_create(user=self.user, now=now, actor=SYSTEM)
            secret_start(purpose="session", subject="7", now=now)
            self.secret = live_secret(purpose="session", subject="7")
            sealed = sealed_beacon_secret(identifier="b1", secret=b"s" * 16)
            Beacon.objects.create(classroom=cast.classroom, identifier="b1", sealed_secret=sealed)
            service = OneRosterConnection(name="SIS", url="https://sis.example")
            secret_give(service, "s")
            service.save()
            WarehouseSetting.objects.create(target="lake", sealed_key=new_key())
            self.pseudonym = self.made_pseudonym()
            feed = TimetableFeed(name="F", format="ical", term=cast.course.term, header="X-Key")
            header_give(feed, "h")
            feed.save()
            reading = FeedRun(feed=feed, created_at=now)
            reading.sealed_file = sealed_file(reading, b"BEGIN:VCALENDAR")
            reading.save()
            self._files(cast)
            log_event(actor=SYSTEM, action="test.before", now=now)
        with entered(cast.campus) as log:
            seal_pending(now=now + timedelta(minutes=1), log=log)

    def _files(self, cast: Cast) -> None:
        now = self.now
        attachments.store_file(key="attachments/one", data=b"%PDF-")
        Attachment.objects.create(
            student=cast.student,
            key="attachments/one",
            kind=Attachment.Kind.PDF,
            size=5,
            stored_at=now,
            delete_after=now + timedelta(days=1),
        )
        self.upload = import_files.store_file(b"code,name")
        ImportRun.objects.create(
            kind="students", filename="a.csv", size=9, sha256="0" * 64, stored_as=self.upload,
            created_at=now,
        )  # fmt: skip
        self.report = report_files.store_file(b"report")
        Job.objects.create(
            kind=EXPORT, title="report", status=Job.Status.SUCCEEDED, created_at=now,
            result={"stored_as": self.report},
        )  # fmt: skip

    def check(self) -> None:
        """Everything opens and holds, with whatever keys are given now."""
        assert check_password("correct horse battery staple", self.password)
        assert not check_password("wrong horse battery staple", self.password)
        assert public_key() == self.public_key
        factor = Authenticator.objects.get(user=self.user)
        assert TOTP(factor).validate_code("000000") is False  # decrypts the secret
        with campus_scope(self.campus):
            assert all(read_image(image)[:2] == b"\xff\xd8" for image in self.images())
            template = FaceTemplate.objects.get()
            assert is_intact(template)
            here = protect(VECTOR, frame=bytes(template.frame), generation=1)
            assert np.abs(np.asarray(template.vector) - here).max() < 1e-5
            assert feed_owner(token=self.calendar) == self.user
            assert live_secret(purpose="session", subject="7") == self.secret
            beacon = bytes(Beacon.objects.get(identifier="b1").sealed_secret or b"")
            assert unseal(BEACON_SEAL, self.campus.pk, beacon, context=b"b1") == b"s" * 16
            assert client_secret(OneRosterConnection.objects.get()) == "s"
            assert self.made_pseudonym() == self.pseudonym
            assert header_value(TimetableFeed.objects.get()) == "h"
            assert file_of(FeedRun.objects.get()) == b"BEGIN:VCALENDAR"
            assert attachments.read_file(key="attachments/one") == b"%PDF-"
            assert import_files.file_read(self.upload) == b"code,name"
            assert report_files.file_read(self.report) == b"report"
        with entered(self.campus) as log:
            assert verify(log=log).problems == []

    @staticmethod
    def made_pseudonym() -> str:
        return pseudonyms_of(WarehouseSetting.objects.get(), "pseudonyms").of("somebody")

    @staticmethod
    def images() -> list[StoredImage]:
        found = list(StoredImage.objects.all())
        assert len(found) == 2
        return found


@pytest.fixture
def kept(cast: Cast, now: datetime, settings: Settings, tmp_path: Path) -> Kept:
    default = settings.STORAGES["default"]
    options = {**default["OPTIONS"], "location": tmp_path}
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": options}}
    return Kept(cast, now)


def test_everything_opens_under_the_new_key_alone(kept: Kept, settings: Settings) -> None:
    kept.check()
    give(settings, current=NEW, old=OLD)
    call_command("rotate_master_key")
    give(settings, current=NEW)
    kept.check()
    with campus_scope(kept.campus):
        log_event(actor=SYSTEM, action="test.after", now=kept.now)
    with entered(kept.campus) as log:
        seal_pending(now=kept.now + timedelta(minutes=2), log=log)
    kept.check()

    # And once more: what the first key made still holds.
    give(settings, current=NEWER, old=NEW)
    call_command("rotate_master_key")
    give(settings, current=NEWER)
    kept.check()


def test_the_old_key_is_refused_afterwards(kept: Kept, settings: Settings) -> None:
    give(settings, current=NEW, old=OLD)
    call_command("rotate_master_key")
    give(settings, current=OLD)
    with pytest.raises(WrongMasterKey, match=fingerprint(check_value(NEW))):
        Campus.objects.count()
    give(settings, current=NEW, old=OLD)
    with pytest.raises(RetiredMasterKey):
        Campus.objects.count()
    call_command("rotate_master_key")  # says that there is nothing to do


def test_nothing_starts_between_until_the_rows_are_done(kept: Kept, settings: Settings) -> None:
    give(settings, current=NEW, old=OLD)
    with pytest.raises(WrongMasterKey):
        Campus.objects.count()


def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command, and end it before the first file."""

    def killed(_file: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as only:
        only.setattr(rotation, "_file_reseal", killed)
        with pytest.raises(KeyboardInterrupt):
            call_command("rotate_master_key")


def test_once_the_rows_are_done_the_old_key_alone_starts_nothing(
    kept: Kept, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sealed from then on would open for nobody when the command is done."""
    give(settings, current=NEW, old=OLD)
    interrupted(monkeypatch)
    give(settings, current=OLD)
    with pytest.raises(HalfReplacedMasterKey):
        Campus.objects.count()
    give(settings, current=NEW, old=OLD)
    kept.check()


@pytest.mark.parametrize("done", [False, True])
def test_who_was_running_all_the_time_is_refused_within_half_a_minute(
    kept: Kept, settings: Settings, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """A web server that nobody stopped: its connections stay, and so would its key."""
    give(settings, current=OLD)
    kept.check()
    confirmed = dict(master_key._confirmed)
    give(settings, current=NEW, old=OLD)
    if done:
        call_command("rotate_master_key")
    else:
        interrupted(monkeypatch)
    give(settings, current=OLD)
    master_key._confirmed.update(confirmed)
    with campus_scope(kept.campus):  # not asked again yet
        Beacon.objects.count()
    later = time.monotonic() + master_key.AGAIN_SECONDS
    monkeypatch.setattr(master_key, "time", SimpleNamespace(monotonic=lambda: later))
    with pytest.raises(MasterKeyRefused), campus_scope(kept.campus):
        Beacon.objects.count()
    answer = Client(headers={"host": "north.example"}).get("/api/v1/me")
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["code"] == "wrong_master_key"


def test_it_does_not_begin_while_workers_run(
    kept: Kept, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(settings, current=NEW, old=OLD)
    monkeypatch.setattr(command, "PATIENCE_SECONDS", -1)
    beats("worker:one@here", at=time.time() + 20)
    with pytest.raises(RotationRefused, match="worker:one@here"):
        call_command("rotate_master_key")
    give(settings, current=OLD)
    kept.check()
    give(settings, current=NEW, old=OLD)
    cache.clear()  # it has stopped
    interrupted(monkeypatch)
    beats("worker:two@here", at=time.time() + 20)
    call_command("rotate_master_key")  # the platform may run by then


def test_it_goes_on_where_it_was_interrupted_while_the_platform_runs(
    kept: Kept, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(settings, current=NEW, old=OLD)
    real, done = rotation._file_reseal, []

    def killed(file: Any) -> bool:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(file.key)
        return real(file)

    monkeypatch.setattr(rotation, "_file_reseal", killed)
    with pytest.raises(KeyboardInterrupt):
        call_command("rotate_master_key")
    give(settings, current=NEW, old=OLD)  # processes start now, and read what either key sealed
    kept.check()
    give(settings, current=NEW)
    with pytest.raises(WrongMasterKey):
        Campus.objects.count()

    give(settings, current=NEW, old=OLD)
    renewed: list[bool] = []
    monkeypatch.setattr(
        rotation, "_file_reseal", lambda file: renewed.append(real(file)) or renewed[-1]
    )
    call_command("rotate_master_key")
    assert sorted(renewed) == [False, False, True, True, True]
    give(settings, current=NEW)
    kept.check()


@pytest.mark.parametrize(("current", "old"), [(NEW, b""), (NEW, NEWER)])
def test_other_keys_than_these_two_are_refused(
    kept: Kept, settings: Settings, current: bytes, old: bytes
) -> None:
    give(settings, current=current, old=old)
    with pytest.raises(RotationRefused, match=fingerprint(check_value(OLD))):
        call_command("rotate_master_key")
    give(settings, current=OLD)
    kept.check()


def test_what_is_deleted_meanwhile_does_not_come_back(
    kept: Kept, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform runs while files are sealed anew: purges, and whatever else deletes one."""
    with campus_scope(kept.campus):
        files = [file for found in rotation.sealed_files().values() for file in found()]
    assert len(files) == 5
    give(settings, current=NEW, old=OLD)
    real, purgers = rotation.overwrite, []

    def purge(key: str) -> None:
        """As another process does it: the row first, then the object."""
        with campus_scope(kept.campus):
            next(file.named_by for file in files if file.key == key).select_for_update().get()
            default_storage.delete(key)
        connections.close_all()

    def overwrite(key: str, data: bytes) -> None:
        purger = Thread(target=purge, args=(key,))
        purger.start()
        purger.join(timeout=0.3)  # it waits for the row
        assert default_storage.exists(key)
        real(key, data)
        purgers.append(purger)

    monkeypatch.setattr(rotation, "overwrite", overwrite)
    call_command("rotate_master_key")
    for purger in purgers:
        purger.join(timeout=10)
    assert len(purgers) == 5
    assert [file.key for file in files if default_storage.exists(file.key)] == []


def test_what_was_deleted_before_stays_deleted(kept: Kept, settings: Settings) -> None:
    """Listed, and deleted before its turn; then something lies there that no row names."""
    with campus_scope(kept.campus):
        [file] = rotation.sealed_files()["reports"]()
        Job.objects.filter(kind=EXPORT).update(result={})
    give(settings, current=NEW, old=OLD)
    with master_key.accepting_the_old_key(), campus_scope(kept.campus):
        assert rotation._file_reseal(file) is False


def test_a_damaged_file_is_named_and_nothing_is_finished(kept: Kept, settings: Settings) -> None:
    path = Path(default_storage.path(kept.report))
    path.write_bytes(b"x" * 100)
    give(settings, current=NEW, old=OLD)
    with pytest.raises(RotationRefused, match=kept.report):
        call_command("rotate_master_key")
    default_storage.delete(kept.report)
    call_command("rotate_master_key")


def test_an_entry_of_today_made_with_the_old_key_is_not_genuine(
    kept: Kept, settings: Settings
) -> None:
    """Who has the old key cannot write history with it any more."""
    give(settings, current=NEW, old=OLD)
    call_command("rotate_master_key")
    give(settings, current=OLD)
    with master_key.accepting_the_old_key(), campus_scope(kept.campus):
        log_event(actor=SYSTEM, action="test.forged", now=kept.now + timedelta(hours=1))
    give(settings, current=NEW)
    with entered(kept.campus) as log:
        (problem,) = verify(log=log).problems
    assert "was changed" in problem


def test_a_sealed_value_opens_under_no_third_key(settings: Settings, kept: Kept) -> None:
    give(settings, current=NEW, old=NEWER)
    with pytest.raises(SealBroken):
        unseal(BEACON_SEAL, kept.campus.pk, b"x" * 40, context=b"b1")
    give(settings, current=OLD)


USES = {"seal", "unseal", "campus_key", "keyed_hash", "read_sealed", "write_sealed"}
# Who uses a key of the master key, and what becomes of it with another one.
USERS = {
    "apps/accounts/services/devices.py": "challenges of a minute: asked again",
    "apps/audit/chain.py": "older keys, by the time of the entry",
    "apps/audit/services/roots.py": "stays that of the first master key",
    "apps/audit/sealed_data.py": "older keys, by the time of the entry",
    "apps/biometrics/migrations/0002_template_frames.py": "turns what 0.2.0 stored, once",
    "apps/biometrics/storage.py": "add_sealed_files",
    "apps/biometrics/vectors.py": "add_sealed_rows",
    "apps/cameras/services/unknown.py": "add_sealed_rows",
    "apps/checkin/factors/bluetooth.py": "reads what add_sealed_rows renews",
    "apps/checkin/tickets.py": "good for 90 seconds: scanned again",
    "apps/classrooms/beacons.py": "add_sealed_rows",
    "apps/identity_providers/sealing.py": "add_sealed_rows",
    "apps/imports/services/files.py": "add_sealed_files",
    "apps/leave/attachments.py": "add_sealed_files",
    "apps/legacy/services/files.py": "add_sealed_files",
    "apps/liveness/turns.py": "head turns of a ticket of 90 seconds: scanned again",
    "apps/ops/diagnosis/keys.py": "looks whether anything can be opened",
    "apps/privacy/selectors.py": "makes pseudonyms that are kept, never computed again",
    "apps/qr_otp/selectors.py": "add_sealed_rows",
    "apps/qr_otp/stamps.py": "good for three minutes: the code is opened again",
    "apps/qr_otp/services.py": "one-time codes of five minutes: issued again",
    "apps/reports/files.py": "add_sealed_files",
    "apps/signin/mfa.py": "add_sealed_rows",
    "apps/signin/passwords.py": "older keys",
    "apps/tenants/published_keys.py": "add_sealed_rows",
    "apps/tenants/storage.py": "as those say who name the purpose",
    "apps/tenants/rotation.py": "the older keys themselves",
    "apps/tenants/signed.py": "written anew by the command and by migrate",
    "apps/oneroster/selectors.py": "add_sealed_rows",
    "apps/oneroster/tokens.py": "good for an hour: readers ask for another one",
    "apps/register_exports/selectors.py": "add_sealed_rows",
    "apps/register_exports/services.py": "add_sealed_rows",
    "apps/terminals/selectors.py": "add_sealed_rows",
    "apps/terminals/services/cards.py": "add_sealed_rows",
    "apps/timetable/tokens.py": "older keys",
    "apps/timetable_feeds/selectors.py": "add_sealed_rows",
    "apps/webhooks/selectors.py": "add_sealed_rows",
}


def test_whoever_uses_a_key_says_what_becomes_of_it() -> None:
    root = Path(__file__).resolve().parents[2]
    found = set()
    for path in (root / "apps").rglob("*.py"):
        calls: Callable[[ast.AST], bool] = lambda node: (  # noqa: E731
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in USES
        )
        if path.name != "crypto.py" and any(map(calls, ast.walk(ast.parse(path.read_text())))):
            found.add(path.relative_to(root).as_posix())
    assert found == set(USERS)


def test_what_an_earlier_secret_key_signed_stays_good_as_long_as_it_is_named(
    settings: Settings,
) -> None:
    token = invitation_token(campus_id=7, email="ada@north.example")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-key-for-tests-" + "y" * 40
    assert read_token(token) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert read_token(token) == (7, "ada@north.example")
