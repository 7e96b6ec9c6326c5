"""Sealed things that were exchanged, cut or deleted are told with words, not by a server error, and
not as if trying again would help."""

import re
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.audit.models import Entry
from apps.audit.services import SYSTEM, log_event
from apps.biometrics.services.images import image_store
from apps.biometrics.storage import read_image
from apps.common.crypto import SealBroken
from apps.common.errors import Refused
from apps.imports.models import ImportRun
from apps.imports.services.files import store_file as store_import
from apps.jobs.models import Job
from apps.reports.files import store_file as store_report
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from apps.tenants.storage import StorageUnavailable, told
from tests.admin.support import client_of
from tests.biometrics.conftest import media
from tests.biometrics.support import plain_jpeg
from tests.factories import Cast
from tests.phone import signed_in

__all__ = ["media"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def spoil(name: str, *, gone: bool) -> None:
    default_storage.delete(name)
    if not gone:
        default_storage.save(name, ContentFile(b"x" * 40))


def refusal(cast: Cast, address: str) -> tuple[int, str]:
    client = signed_in(cast, cast.admin)
    client.raise_request_exception = False
    answer = client.get(address)
    return answer.status_code, answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("gone", [True, False])
def test_an_imported_file(cast: Cast, gone: bool) -> None:
    with campus_scope(cast.campus):
        name = store_import(b"a,b")
        run = ImportRun.objects.create(
            kind="students",
            filename="a",
            size=3,
            sha256="0" * 64,
            stored_as=name,
            marked_as=name,
            created_at=timezone.now(),
        )
        spoil(name, gone=gone)
    address = f"/api/v1/imports/{run.pk}/errors.xlsx"
    assert refusal(cast, address) == (404, "file_missing" if gone else "file_damaged")


@pytest.mark.parametrize("gone", [True, False])
def test_a_report(cast: Cast, gone: bool) -> None:
    with campus_scope(cast.campus):
        name = store_report(b"a,b")
        job = Job.objects.create(
            kind="reports.export",
            title="x.csv",
            status="succeeded",
            created_by=cast.admin,
            result={"stored_as": name},
            created_at=timezone.now(),
            finished_at=timezone.now(),
        )
        spoil(name, gone=gone)
    address = f"/api/v1/reports/exports/{job.pk}/file"
    assert refusal(cast, address) == (404, "file_missing" if gone else "file_damaged")


@pytest.mark.parametrize("gone", [True, False])
def test_a_photo(cast: Cast, gone: bool) -> None:
    """An administrator looks at it, or it is part of a review."""
    with campus_scope(cast.campus):
        image = image_store(data=plain_jpeg(), now=timezone.now(), kept_for=None)
        spoil(image.key, gone=gone)
    page = f"/admin/biometrics/storedimage/{image.pk}/look/"
    answer = client_of(cast, cast.admin).post(page, {"reason": "a test of damaged files"})
    assert answer.status_code == 404
    assert b"restore it from a backup" in answer.content
    with campus_scope(cast.campus), pytest.raises(Refused) as refused, told("away"):
        read_image(image)
    assert refused.value.code == ("file_missing" if gone else "file_damaged")


def test_a_damaged_file_is_counted_and_named_for_the_operator(
    cast: Cast, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[str, ...]] = []
    monkeypatch.setattr("apps.tenants.storage.count", lambda *labels: counted.append(labels))
    with campus_scope(cast.campus):
        image = image_store(data=plain_jpeg(), now=timezone.now(), kept_for=None)
        spoil(image.key, gone=False)
        with pytest.raises(SealBroken):
            read_image(image)
    assert counted == [("campus_files_damaged", "image")]
    assert f"{image.key} is damaged" in caplog.text


def test_a_storage_that_is_away_is_no_damage() -> None:
    with pytest.raises(Refused) as refused, told("Photos are away."):
        raise StorageUnavailable("EndpointConnectionError")
    assert (refused.value.code, refused.value.status) == ("storage_unavailable", 503)
    assert refused.value.message == "Photos are away."


def test_nobody_calls_a_damaged_file_one_that_is_away() -> None:
    """Whoever tells a person of both at once, says to try again what no trying opens."""
    apps = Path(__file__).resolve().parents[2] / "apps"
    both = re.compile(
        r"except \((?:OSError, SealBroken|SealBroken, OSError)[^)]*\)[^\n]*\n"
        r"(?:[ ]+[^\n]*\n){0,4}?[ ]+raise "
    )
    found = [path.name for path in apps.rglob("*.py") if both.search(path.read_text())]
    assert found == []


@pytest.mark.parametrize("sealed", ["AAAA", "", "ä", 5])
def test_the_private_part_of_an_entry_of_the_log(cast: Cast, sealed: object) -> None:
    with campus_scope(cast.campus):
        entry = log_event(actor=SYSTEM, action="x", now=timezone.now(), private={"b": 2})
        with signed_act("audit_entry"):
            Entry.objects.filter(pk=entry.pk).update(data={"sealed": sealed})
    page = client_of(cast, cast.admin).get(f"/admin/audit/entry/{entry.pk}/sealed/")
    assert page.status_code == 200
    assert b"opens under no key" in page.content
