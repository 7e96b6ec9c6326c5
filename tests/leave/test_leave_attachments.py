"""Certificates: checked by content, sealed in the storage, read by few, gone in time."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from PIL import Image
from pytest_django.fixtures import Settings

from apps.attendance.models import Policy
from apps.audit.models import Entry
from apps.common.crypto import SealBroken
from apps.common.errors import Invalid, Refused
from apps.leave.attachments import MAX_SIDE, AttachmentFile, read_attachment, read_file
from apps.leave.models import Attachment, LeaveRequest
from apps.leave.services.attachments import KEPT, attachment_open, attachments_purge
from apps.leave.services.leave import leave_withdraw
from apps.leave.tasks import purge_attachments
from tests.factories import Cast
from tests.leave.support import ADA, asked, closed, decided, mark_of

PDF = b"%PDF-1.7\n1 0 obj << >> endobj\ntrailer << >>\n%%EOF\n"


@pytest.fixture(autouse=True)
def stored(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """The storage of this test, as files."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        },
    }
    yield tmp_path  # noqa: PT022  (the type says what it gives)


def picture(kind: str, size: tuple[int, int] = (300, 200), **options: Any) -> bytes:
    buffer = BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# --- By content ------------------------------------------------------------------------------


def test_a_pdf_is_kept_as_it_is() -> None:
    assert read_attachment(PDF) == AttachmentFile(data=PDF, kind="application/pdf")


def test_photos_become_bounded_jpegs_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker's name"
    for data in (picture("JPEG", exif=exif), picture("PNG", size=(3000, 400))):
        file = read_attachment(data)
        assert file.kind == "image/jpeg"
        assert b"maker" not in file.data
        with Image.open(BytesIO(file.data)) as image:
            assert max(image.size) <= MAX_SIDE


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (PDF[:-8], "truncated"),
        (b"<html>%PDF-1.7 %%EOF", "not_an_image"),
        (b"PK\x03\x04 a workbook", "not_an_image"),
        (b"GIF89a", "unsupported_format"),
        (PDF + b"x" * (8 * 1024 * 1024) + b"%%EOF", "too_large"),
        (b"\xff\xd8\xff" + b"x" * (8 * 1024 * 1024), "too_large"),
    ],
)
def test_everything_else_is_refused_whatever_it_is_called(data: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_attachment(data)
    assert refused.value.code == f"attachment_{code}"


# --- In the storage --------------------------------------------------------------------------


@pytest.fixture
def leave(in_campus: Cast, now: datetime) -> LeaveRequest:
    return asked(in_campus.student, now, file=read_attachment(PDF))


@pytest.mark.django_db
def test_the_storage_holds_nothing_readable(leave: LeaveRequest, stored: Path) -> None:
    (file,) = files(stored)
    assert b"PDF" not in file.read_bytes()
    assert leave.attachment is not None
    assert read_file(key=leave.attachment.key) == PDF


@pytest.mark.django_db
def test_an_exchanged_file_is_not_given_out(
    in_campus: Cast, leave: LeaveRequest, now: datetime, stored: Path
) -> None:
    """The seal is bound to its place: one student's file cannot pose as another's."""
    (mine,) = files(stored)
    theirs = asked(in_campus.classmate, now, file=read_attachment(PDF + PDF)).attachment
    assert theirs is not None
    (stored / theirs.key).write_bytes(mine.read_bytes())
    with pytest.raises(SealBroken):
        read_file(key=theirs.key)
    with pytest.raises(Refused) as refused:
        attachment_open(attachment=theirs, now=now, actor=ADA)
    assert (refused.value.code, refused.value.status) == ("file_damaged", 404)
    (stored / theirs.key).unlink()
    with pytest.raises(Refused) as refused:
        attachment_open(attachment=theirs, now=now, actor=ADA)
    assert (refused.value.code, refused.value.status) == ("file_missing", 404)


@pytest.mark.django_db
def test_every_reading_is_logged(leave: LeaveRequest, now: datetime) -> None:
    assert leave.attachment is not None
    assert attachment_open(attachment=leave.attachment, now=now, actor=ADA) == PDF
    entry = Entry.objects.get(action="leave.attachment.read")
    assert (entry.actor_label, entry.target_id) == ("Ada", str(leave.attachment.pk))


@pytest.mark.django_db
def test_a_storage_that_is_away_saves_nothing_and_says_so(
    in_campus: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_options: Any) -> None:
        raise OSError

    monkeypatch.setattr(FileSystemStorage, "save", away)
    with pytest.raises(Refused) as refused:
        asked(in_campus.student, now, file=read_attachment(PDF))
    assert (refused.value.code, refused.value.status) == ("storage_unavailable", 503)
    assert not LeaveRequest.objects.exists()
    assert not Attachment.objects.exists()


@pytest.mark.django_db
def test_withdrawing_erases_the_attachment(
    leave: LeaveRequest, now: datetime, stored: Path
) -> None:
    leave_withdraw(leave=leave, now=now, actor=ADA)
    assert attachments_purge(now=now) == 1
    assert files(stored) == []
    leave.refresh_from_db()
    assert (leave.attachment, leave.status) == (None, "withdrawn")


@pytest.mark.django_db
def test_withdrawing_after_the_freeze_leaves_the_proof_of_what_stays(
    in_campus: Cast, now: datetime, stored: Path
) -> None:
    """Else a made-up certificate would go, and the mark that it earned would not."""
    session = closed(in_campus, now)
    file = AttachmentFile(data=PDF, kind="application/pdf")
    leave = asked(in_campus.student, now, file=file)
    decided(leave, now)
    Policy.objects.create(version=1, locked_before=date(2026, 9, 15), created_at=now)
    _leave, effect = leave_withdraw(leave=leave, now=now, actor=ADA)
    assert (effect.kept, mark_of(session, in_campus.student)[0]) == (1, "excused")
    assert attachments_purge(now=now) == 0
    assert len(files(stored)) == 1


@pytest.mark.django_db
def test_attachments_go_after_a_year_and_the_requests_stay(
    leave: LeaveRequest, now: datetime, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, left in ((KEPT - timedelta(seconds=1), 1), (KEPT, 0)):
        monkeypatch.setattr("apps.attendance.tasks.timezone.now", lambda age=age: now + age)
        purge_attachments()
        assert len(files(stored)) == Attachment.objects.count() == left
    assert LeaveRequest.objects.count() == 1


@pytest.mark.django_db
def test_what_cannot_be_deleted_stays_due(
    leave: LeaveRequest, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "delete", away)
        assert attachments_purge(now=now + KEPT) == 0
    assert Attachment.objects.count() == 1
    assert attachments_purge(now=now + KEPT) == 1
