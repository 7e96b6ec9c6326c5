"""A person's data as a ZIP: everything that is registered, nothing of anybody else."""

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.leave.attachments import AttachmentFile
from apps.leave.models import Attachment
from apps.leave.services.attachments import attachment_add, attachment_write
from apps.privacy.models import ErasureRequest
from apps.privacy.registry import person_rows
from apps.privacy.selectors import person_of
from apps.privacy.services import person_export
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of
from tests.common.test_damaged_files import spoil
from tests.factories import Cast
from tests.privacy.support import NAME, make_known

pytestmark = pytest.mark.django_db


def opened(data: bytes) -> tuple[dict[str, Any], zipfile.ZipFile]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return json.loads(archive.read("data.json")), archive


def test_the_zip_has_every_table_and_every_file(in_campus: Cast, now: datetime) -> None:
    student = make_known(in_campus, now)
    person = person_of(student=student)
    found, archive = opened(person_export(person=person, own=True, now=now, actor=SYSTEM))
    exported = {rows.name for rows in person_rows() if rows.exported}
    assert found["tables"].keys() == exported
    there = {
        rows.name
        for rows in person_rows()
        if rows.exported and rows.model._default_manager.filter(rows.rows(person)).exists()
    }
    assert {name for name, rows in found["tables"].items() if rows} == there
    [row] = found["tables"]["accounts_student"]
    assert (row["full_name"], row["code"]) == (NAME, "ZQ210595")
    kinds = sorted(name.partition("/")[0] for name in archive.namelist())
    assert kinds == [
        *("data.json", "documents", "faces", "frames", "read.html", "selfies", "sightings"),
    ]
    for name in archive.namelist():
        if name.endswith(".jpg"):
            assert archive.read(name).startswith(b"\xff\xd8")
    page = archive.read("read.html").decode()
    assert NAME in page
    assert "ZQ210595" in page
    assert found["missing_files"] == []


def test_secrets_and_other_people_are_left_out(in_campus: Cast, now: datetime) -> None:
    student = make_known(in_campus, now)
    data = person_export(person=person_of(student=student), own=True, now=now, actor=SYSTEM)
    text = json.dumps(opened(data)[0])
    assert "pbkdf2" not in text
    assert "argon2" not in text
    for secret in ("zqfcm-1", "zqpush-1", "vector"):
        assert secret not in text
    assert in_campus.classmate.email not in text
    assert "Admin" not in text  # who changed her entry


def test_a_campus_does_not_get_the_account(in_campus: Cast, now: datetime) -> None:
    student = make_known(in_campus, now)
    data = person_export(person=person_of(student=student), own=False, now=now, actor=SYSTEM)
    tables = opened(data)[0]["tables"]
    assert "accounts_member" in tables
    assert {rows.name for rows in person_rows() if rows.of_account} & tables.keys() == set()
    said = Entry.objects.get(action="privacy.person.exported").data
    assert (said["student"], said["own"]) == (student.pk, False)


@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_cannot_be_read_keeps_nothing_else_away(
    in_campus: Cast, now: datetime, gone: bool
) -> None:
    """Neither other kinds of files nor others of its own kind, and it is named."""
    student = make_known(in_campus, now)
    for _each in range(2):
        handed_in = AttachmentFile(kind=Attachment.Kind.PDF, data=b"%PDF-1.4 a certificate")
        row = attachment_add(student=student, file=handed_in, now=now)
        attachment_write(attachment=row, file=handed_in)
    damaged, *others = Attachment.objects.filter(student=student).order_by("pk")
    spoil(damaged.key, gone=gone)
    data = person_export(person=person_of(student=student), own=True, now=now, actor=SYSTEM)
    found, archive = opened(data)
    [missing] = found["missing_files"]
    assert str(damaged.pk) in missing
    assert missing.endswith("FileNotFoundError" if gone else "SealBroken")
    names = archive.namelist()
    assert len([name for name in names if name.startswith("documents/")]) == len(others) == 2
    assert any(name.startswith("faces/") for name in names)


def test_people_take_their_own_data_along(cast: Cast) -> None:
    page = Client(headers={"host": cast.host})
    page.force_login(cast.student.user)  # type: ignore[arg-type]
    assert "My data" in page.get(reverse("portal:my_data")).content.decode()
    answer = page.post(reverse("portal:my_data_export"))
    assert answer["Content-Type"] == "application/zip"
    assert "no-store" in answer["Cache-Control"]
    [row] = opened(answer.content)[0]["tables"]["accounts_student"]
    assert row["code"] == cast.student.code


def test_people_ask_to_be_erased_and_change_their_mind(cast: Cast) -> None:
    page = Client(headers={"host": cast.host})
    page.force_login(cast.student.user)  # type: ignore[arg-type]
    page.post(reverse("portal:my_data_erase"))
    with campus_scope(cast.campus):
        assert not ErasureRequest.objects.exists()
    page.post(reverse("portal:my_data_erase"), {"sure": "yes"})
    with campus_scope(cast.campus):
        request = ErasureRequest.objects.get()
    assert (request.student_id, request.is_own) == (cast.student.pk, True)
    assert "An administrator has to approve" in page.get(reverse("portal:my_data")).content.decode()
    page.post(reverse("portal:my_data_keep"))
    with campus_scope(cast.campus):
        request.refresh_from_db()
    assert request.status == "withdrawn"


def test_administrators_export_erase_and_approve(cast: Cast) -> None:
    office = client_of(cast, cast.admin)
    people = reverse("admin:accounts_student_changelist")
    chosen = {"action": "export_person", "_selected_action": [str(cast.student.pk)]}
    answer = office.post(people, chosen)
    assert answer["Content-Type"] == "application/zip"
    office.post(reverse("admin:privacy_erasurerequest_add"), {"student": str(cast.student.pk)})
    with campus_scope(cast.campus):
        request = ErasureRequest.objects.get()
    approve = {"action": "approve", "_selected_action": [str(request.pk)]}
    page = office.post(reverse("admin:privacy_erasurerequest_changelist"), approve, follow=True)
    assert "Somebody other than the one who asked" in page.content.decode()
    with campus_scope(cast.campus):
        request.refresh_from_db()
    assert request.approved_at is None


def test_exported_by_the_command(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "person.zip"
    call_command("export_person", cast.student.code, campus=cast.campus.slug, to=file)
    assert opened(file.read_bytes())[0]["format"] == "campus-person"
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="nobody"):
        call_command("export_person", "nobody-1", campus=cast.campus.slug, to=tmp_path / "x")
