"""Disks that are full and files that may not be touched: of the image store, and of PostgreSQL.

Whatever is sent is refused with 503 and words, nothing is half-saved, and what was sent can be
sent again once there is room.
"""

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.utils import timezone
from psycopg import sql
from pytest_django.fixtures import Settings

from apps.attendance.models import AttendanceRecord
from apps.biometrics.models import FaceSample, StoredImage
from apps.checkin.models import CheckInAttempt
from apps.imports.models import ImportRun
from apps.leave.models import Attachment, LeaveRequest
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests import services, tables
from tests.biometrics.support import give_consent
from tests.factories import Cast
from tests.phone import Phone, code_of

KILOBYTE = 1024
WRITES = "checkin_checkinattempt"  # the table that a check-in writes first

Trouble = Callable[[Path], Any]


@pytest.fixture
def media(settings: Settings) -> Iterator[Path]:
    """A store of files outside pytest's folder, which only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="campus-disk-"))
    default = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": folder / "media"},
    }
    (folder / "media").mkdir()
    settings.STORAGES = {**settings.STORAGES, "default": default}
    yield folder / "media"
    shutil.rmtree(folder)


def run(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A file system of 256 kB at this place."""
    uid = place.stat().st_uid
    options = f"size=256k,mode=0700,uid={uid}"
    if not run("mount", "-t", "tmpfs", "-o", options, "tmpfs", place):
        pytest.skip("this user may not mount")
    try:
        yield
    finally:
        run("umount", "--lazy", place)


def fill(place: Path, *, leaving: int = 0) -> None:
    """Until nothing fits but so many bytes."""
    with (place / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * KILOBYTE)
        except OSError:
            filler.truncate(filler.tell() - leaving)


@contextmanager
def full(place: Path) -> Iterator[None]:
    with small_disk(place):
        fill(place)
        yield


@contextmanager
def nearly_full(place: Path) -> Iterator[None]:
    """Folders still fit, and the beginning of a file."""
    with small_disk(place):
        fill(place, leaving=4 * KILOBYTE)
        yield


@contextmanager
def short_files(place: Path) -> Iterator[None]:
    """No file may grow beyond a kilobyte, as with a quota: writing ends in its middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (KILOBYTE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def forbidden(place: Path) -> Iterator[None]:
    """The store's folder may not be written to: by others than root, whose process gives up being
    root meanwhile."""
    place.chmod(0o500)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        place.chmod(0o700)


TROUBLES: list[Trouble] = [full, nearly_full, short_files, forbidden]


def files_in(place: Path) -> set[str]:
    return {name for _folder, _folders, names in os.walk(place) for name in names} - {"filler"}


def quiet(client: Any) -> Any:
    """An error of the server is an answer, as over the network."""
    client.raise_request_exception = False
    return client


@pytest.fixture
def phone(hall: Cast, lesson: ClassSession) -> Phone:
    found = Phone(hall, hall.student)
    quiet(found.client)
    return found


def browser(cast: Cast, user: Any) -> Client:
    client: Client = quiet(Client(headers={"host": cast.host}))
    client.force_login(user)
    return client


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_photo_is_refused_whole_and_can_be_sent_again(
    hall: Cast, media: Path, trouble: Trouble
) -> None:
    with campus_scope(hall.campus):
        give_consent(hall.student, timezone.now())
    student = browser(hall, hall.student.user)

    def send() -> Any:
        photo = SimpleUploadedFile("photo.jpg", noisy_jpeg())
        return student.post("/api/v1/me/face-samples", {"photo": photo})

    with trouble(media):
        refused = send()
        left = files_in(media)
    assert refused.status_code == 503
    (error,) = refused.json()["errors"]
    assert error["code"] == "storage_unavailable"
    assert "Nothing was saved; try again" in error["detail"]
    assert left == set()
    with campus_scope(hall.campus):
        assert not StoredImage.objects.exists()
        assert not FaceSample.objects.exists()
    again = send()
    assert again.status_code == 201, again.content
    assert len(files_in(media)) == 1


@pytest.mark.parametrize("trouble", TROUBLES)
def test_documents_and_uploads_are_refused_whole(hall: Cast, media: Path, trouble: Trouble) -> None:
    student, admin = browser(hall, hall.student.user), browser(hall, hall.admin)
    tomorrow = timezone.now() + timedelta(days=1)
    leave = {
        "course": str(hall.course.pk),
        "category": "medical",
        "reason": "Fever",
        "starts_at": tomorrow.isoformat(),
        "ends_at": (tomorrow + timedelta(hours=2)).isoformat(),
    }
    sheet = b"code,name\n" + b"R-1,Room\n" * 500
    sent: list[tuple[Client, str, dict[str, Any]]] = [
        (student, "/api/v1/me/leave", {**leave, "nonce": "n" * 20, "attachment": noisy_jpeg()}),
        (admin, "/api/v1/imports", {"kind": "classrooms", "file": sheet}),
        (admin, "/look", {"logo": noisy_jpeg()}),
    ]
    for client, path, fields in sent:
        parts = {
            name: SimpleUploadedFile(name, value) if isinstance(value, bytes) else value
            for name, value in fields.items()
        }
        with trouble(media):
            refused = client.post(path, parts)
            left = files_in(media)
        assert refused.status_code == 503, (path, refused.status_code, refused.content[:500])
        assert b"Nothing was saved; try again" in refused.content
        assert left == set()
    with campus_scope(hall.campus):
        assert not LeaveRequest.objects.exists()
        assert not Attachment.objects.exists()
        assert not ImportRun.objects.exists()
        assert not StoredImage.objects.exists()
    hall.campus.refresh_from_db()
    assert hall.campus.logo == ""


def noisy_jpeg() -> bytes:
    """Large enough to need more than the beginning of a file."""
    import numpy as np
    from PIL import Image

    from apps.biometrics.images import Photo

    pixels = np.random.default_rng(seed=3).integers(0, 256, size=(120, 120, 3), dtype=np.uint8)
    return Photo(Image.fromarray(pixels)).jpeg()


# --- PostgreSQL ----------------------------------------------------------------------------------


@pytest.fixture
def place_of_tables(hall: Cast) -> Iterator[Path]:
    """A folder of PostgreSQL's user, which it may reach."""
    assert services.STACK is not None
    owner = services.STACK.layout.postgres_data.stat()
    folder = Path(tempfile.mkdtemp(prefix="campus-tables-"))
    place = folder / "small"
    place.mkdir(mode=0o700)
    folder.chmod(0o755)
    os.chown(place, owner.st_uid, owner.st_gid)
    yield place
    shutil.rmtree(folder)


@contextmanager
def table_at(place: Path) -> Iterator[None]:
    """The table of attempts lies in this folder."""
    table = sql.Identifier(WRITES)
    end_sessions()
    with tables._connection() as root:
        root.execute(sql.SQL("VACUUM FULL {}").format(table))  # no room within its own pages
        root.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(place))))
        root.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE small").format(table))
    try:
        yield
    finally:
        end_sessions()
        with tables._connection() as root:
            root.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE pg_default").format(table))
            root.execute("DROP TABLESPACE small")


def end_sessions() -> None:
    """So that the server opens its files anew."""
    connections.close_all()
    tables.end_sessions()


def refused_by_the_database(cast: Cast, lesson: ClassSession, phone: Phone) -> str:
    """Sends a check-in that must be refused whole; returns the ticket, which is still good."""
    ticket = phone.ticket(code_of(cast, lesson.pk, timezone.now()).token)
    refused = phone.check_in(ticket, nonce="nonce-disk-2")
    assert refused.status_code == 503, refused.content
    (error,) = refused.json()["errors"]
    assert error["code"] == "database_unavailable"
    assert "Nothing was saved; try again" in error["detail"]
    assert int(refused["Retry-After"]) > 0
    with campus_scope(cast.campus):
        assert not AttendanceRecord.objects.filter(student=cast.student).exists()
    return ticket


def goes_on(cast: Cast, phone: Phone, ticket: str) -> None:
    again = phone.check_in(ticket, nonce="nonce-disk-2")
    assert (again.status_code, again.json()["outcome"]) == (201, "accepted"), again.content
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.count() == 1


def test_postgresqls_disk_is_full(
    hall: Cast, lesson: ClassSession, phone: Phone, place_of_tables: Path
) -> None:
    with small_disk(place_of_tables), table_at(place_of_tables):
        fill(place_of_tables)
        ticket = refused_by_the_database(hall, lesson, phone)
        (place_of_tables / "filler").unlink()
        goes_on(hall, phone, ticket)


def test_postgresql_may_not_use_its_files(
    hall: Cast, lesson: ClassSession, phone: Phone, place_of_tables: Path
) -> None:
    with table_at(place_of_tables):
        ticket = phone.ticket(code_of(hall, lesson.pk, timezone.now()).token)
        end_sessions()
        place_of_tables.chmod(0)
        try:
            refused = phone.check_in(ticket, nonce="nonce-disk-2")
        finally:
            place_of_tables.chmod(0o700)
        assert refused.status_code == 503, refused.content
        assert refused.json()["errors"][0]["code"] == "database_unavailable"
        end_sessions()
        goes_on(hall, phone, ticket)


def test_pages_say_it_in_words(hall: Cast, lesson: ClassSession, place_of_tables: Path) -> None:
    client = browser(hall, hall.admin)
    with table_at(place_of_tables):
        end_sessions()
        place_of_tables.chmod(0)
        try:
            page = client.get("/admin/checkin/checkinattempt/")
        finally:
            place_of_tables.chmod(0o700)
    assert page.status_code == 503
    assert b"cannot be reached right now" in page.content
