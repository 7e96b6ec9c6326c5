"""Images: sealed, stored once, kept as long as they should be, and nothing half-saved."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from PIL import Image

from apps.accounts.models import Device
from apps.audit.models import Entry
from apps.audit.sealed_data import open_data
from apps.audit.services import SYSTEM, Actor
from apps.biometrics import image_references
from apps.biometrics.images import read_photo
from apps.biometrics.models import FaceSample, StoredImage
from apps.biometrics.selectors import open_image
from apps.biometrics.services import image_store, images_purge, orphans_delete, sample_remove
from apps.biometrics.services.enrolment import sample_add
from apps.biometrics.storage import image_exists, read_image, sealed_url
from apps.biometrics.tasks import delete_orphans, purge_images
from apps.checkin.models import CheckInAttempt, Method, Outcome
from apps.common.crypto import SealBroken
from apps.common.errors import Refused
from apps.tenants.scope import campus_scope
from tests.biometrics.support import give_consent, plain_jpeg
from tests.factories import Cast, make_cast, make_session

MONTH = timedelta(days=30)


def objects(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def store(now: datetime, data: bytes | None = None, **options: Any) -> StoredImage:
    options.setdefault("kept_for", MONTH)
    return image_store(data=data or plain_jpeg(), now=now, **options)


class TestStoring:
    def test_an_image_is_one_row_and_one_object_below_its_day(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        image = store(now)
        assert StoredImage.objects.get() == image
        assert re.fullmatch(
            rf"snapshots/2026/09/14/{in_campus.campus.pk}/[0-9a-f]{{64}}\.bin", image.key
        )
        assert objects(media) == [media / image.key]
        assert image.delete_after == now + MONTH

    def test_what_lies_in_storage_is_sealed(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        data = plain_jpeg()
        image = store(now, data)
        sealed = (media / image.key).read_bytes()
        assert b"\xff\xd8\xff" not in sealed
        assert b"JFIF" not in sealed
        assert len(sealed) == len(data) + 28  # nonce and tag
        assert read_image(image) == data

    def test_files_are_for_the_owner_only(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        image = store(now)
        assert (media / image.key).stat().st_mode & 0o777 == 0o600

    def test_it_takes_one_statement(
        self, in_campus: Cast, now: datetime, media: Path, django_assert_num_queries: Any
    ) -> None:
        StoredImage.objects.exists()  # the campus is announced
        with django_assert_num_queries(1):
            store(now)
        with django_assert_num_queries(1):
            store(now)

    def test_the_same_photo_is_stored_once_and_kept_the_longer_time(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        first = store(now)
        later = store(now + timedelta(days=3), kept_for=MONTH, folder="samples")
        shorter = store(now, kept_for=timedelta(days=1))
        assert first.pk == later.pk == shorter.pk
        assert later.key == first.key
        assert later.delete_after == shorter.delete_after == now + timedelta(days=33)
        assert StoredImage.objects.get().delete_after == now + timedelta(days=33)
        assert len(objects(media)) == 1

    def test_kept_for_good_outlasts_every_date(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        store(now)
        assert store(now, kept_for=None).delete_after is None
        assert store(now).delete_after is None

    def test_campuses_do_not_share_an_object(
        self, cast: Cast, other_cast: Cast, now: datetime, media: Path
    ) -> None:
        with campus_scope(cast.campus):
            north = store(now)
        with campus_scope(other_cast.campus):
            south = store(now)
            assert StoredImage.objects.get() == south
        assert north.sha256 == south.sha256
        assert north.pk != south.pk
        assert len(objects(media)) == 2

    def test_another_campuss_object_cannot_be_read_in_its_place(
        self, cast: Cast, other_cast: Cast, now: datetime, media: Path
    ) -> None:
        with campus_scope(cast.campus):
            north = store(now)
        with campus_scope(other_cast.campus):
            south = store(now)
            (media / south.key).write_bytes((media / north.key).read_bytes())
            with pytest.raises(SealBroken):
                read_image(south)

    def test_a_changed_byte_is_noticed(self, in_campus: Cast, now: datetime, media: Path) -> None:
        image = store(now)
        sealed = bytearray((media / image.key).read_bytes())
        sealed[40] ^= 1
        (media / image.key).write_bytes(sealed)
        with pytest.raises(SealBroken):
            read_image(image)

    def test_a_large_png_is_stored_much_smaller(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (1200, 1200, 3), dtype=np.uint8)
        buffer = BytesIO()
        Image.fromarray(noise).save(buffer, "PNG")
        assert len(buffer.getvalue()) > 2_000_000
        image = store(now, read_photo(buffer.getvalue()).jpeg())
        assert (media / image.key).stat().st_size < 1_000_000

    def test_an_unknown_folder_is_refused(self, in_campus: Cast, now: datetime) -> None:
        with pytest.raises(ValueError, match="etc"):
            store(now, folder="../../etc")


class TestFailures:
    @pytest.fixture
    def full(self, media: Path) -> Path:
        """A storage that cannot take anything: a file lies where its folder should be."""
        media.rmdir()
        media.write_text("in the way")
        return media

    def test_a_storage_that_is_away_saves_nothing(
        self, in_campus: Cast, now: datetime, full: Path
    ) -> None:
        with pytest.raises(Refused) as refused:
            store(now)
        assert (refused.value.code, refused.value.status) == ("storage_unavailable", 503)
        assert isinstance(refused.value.__cause__, OSError)
        assert not StoredImage.objects.exists()

    def test_an_image_from_before_survives_the_failure_of_a_second_store(
        self, in_campus: Cast, now: datetime, media: Path, tmp_path: Path
    ) -> None:
        image = store(now)
        media.rename(tmp_path / "aside")
        media.write_text("in the way")
        with pytest.raises(Refused):
            store(now)
        media.unlink()
        (tmp_path / "aside").rename(media)
        assert read_image(StoredImage.objects.get(pk=image.pk)) == plain_jpeg()

    def test_a_sample_is_not_half_saved(self, in_campus: Cast, now: datetime, full: Path) -> None:
        give_consent(in_campus.student, now)
        with pytest.raises(Refused):
            sample_add(student=in_campus.student, data=plain_jpeg(), actor=SYSTEM, now=now)
        assert not FaceSample.objects.exists()
        assert not StoredImage.objects.exists()

    def test_reading_from_a_storage_that_is_away_is_an_os_error(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        image = store(now)
        default_storage.delete(image.key)
        with pytest.raises(OSError, match=image.sha256):
            read_image(image)

    def test_half_an_object_of_a_killed_writer_is_replaced(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        image = store(now)
        StoredImage.objects.all().delete()
        (media / image.key).write_bytes(b"half")
        again = store(now)
        assert read_image(again) == plain_jpeg()
        assert objects(media) == [media / again.key]

    def test_a_lost_object_is_written_again(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        image = store(now)
        (media / image.key).unlink()
        store(now + timedelta(days=2))
        assert read_image(image) == plain_jpeg()


class TestPurge:
    def test_images_go_when_their_time_has_come_with_their_objects(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        gone = store(now, plain_jpeg("red"), kept_for=timedelta(days=1))
        stays = store(now, plain_jpeg("blue"))
        store(now, plain_jpeg("green"), kept_for=None)
        assert images_purge(now=now + timedelta(days=2)) == 1
        assert not StoredImage.objects.filter(pk=gone.pk).exists()
        assert not (media / gone.key).exists()
        assert (media / stays.key).exists()
        assert len(objects(media)) == 2

    def test_an_image_that_is_referred_to_stays_until_its_owner_lets_go(
        self, in_campus: Cast, now: datetime, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = store(now, kept_for=timedelta(days=1))
        attempt = attempt_with(in_campus, image, now)
        monkeypatch.setattr(image_references, "_references", [])
        assert images_purge(now=now + MONTH) == 0
        assert objects(media) == [media / image.key]

        def forget(image_ids: Any) -> None:
            CheckInAttempt.objects.filter(selfie_id__in=image_ids).update(selfie=None)

        image_references.add_reference(forget)
        assert images_purge(now=now + MONTH) == 1
        attempt.refresh_from_db()
        assert attempt.selfie_id is None
        assert objects(media) == []

    def test_a_storage_that_is_away_leaves_the_row_for_the_next_run(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        image = store(now, kept_for=timedelta(days=1))
        path = media / image.key
        path.unlink()
        path.mkdir()
        (path / "occupied").write_text("")
        assert images_purge(now=now + MONTH) == 0
        assert StoredImage.objects.filter(pk=image.pk).exists()
        (path / "occupied").unlink()
        assert images_purge(now=now + MONTH) == 1

    def test_an_image_stored_again_in_time_is_kept(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        store(now, kept_for=timedelta(days=1))
        store(now + timedelta(days=1), kept_for=MONTH)
        assert images_purge(now=now + timedelta(days=2)) == 0

    def test_a_removed_samples_photo_stays_while_a_check_in_refers_to_it(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        give_consent(in_campus.student, now)
        sample = sample_add(student=in_campus.student, data=plain_jpeg(), actor=SYSTEM, now=now)
        attempt_with(in_campus, sample.image, now)
        sample_remove(sample=sample, actor=SYSTEM, now=now)
        assert StoredImage.objects.get().delete_after == now + MONTH

    def test_the_daily_tasks_visit_every_campus(
        self, cast: Cast, other_cast: Cast, now: datetime, media: Path
    ) -> None:
        for each in (cast, other_cast):
            with campus_scope(each.campus):
                image = store(datetime.fromisoformat("2020-01-01T00:00:00+00:00"))
        assert len(objects(media)) == 2
        assert image_exists(image.key)
        assert purge_images() == 2
        assert objects(media) == []
        assert delete_orphans() == 0


@pytest.mark.django_db(transaction=True)
def test_an_image_that_is_being_stored_again_is_not_purged(media: Path, now: datetime) -> None:
    cast, later = make_cast("north"), now + timedelta(days=2)

    def purge() -> int:
        try:
            with campus_scope(cast.campus):
                return images_purge(now=later)
        finally:
            connection.close()

    with campus_scope(cast.campus):
        store(now, kept_for=timedelta(days=1))
    with ThreadPoolExecutor(1) as pool:
        with campus_scope(cast.campus):
            image = store(later)  # not committed yet
            assert pool.submit(purge).result(timeout=30) == 0
        assert pool.submit(purge).result(timeout=30) == 0
    assert read_image(image) == plain_jpeg()


class TestOrphans:
    def test_an_object_of_a_rolled_back_write_is_deleted_the_next_day(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        kept = store(now, plain_jpeg("blue"))
        with transaction.atomic():
            lost = store(now)
            transaction.set_rollback(True)
        assert (media / lost.key).exists()
        assert orphans_delete(now=now + timedelta(hours=1)) == 0  # today's may be on its way
        assert orphans_delete(now=now + timedelta(days=1)) == 1
        assert objects(media) == [media / kept.key]

    def test_another_campuss_objects_are_not_touched(
        self, cast: Cast, other_cast: Cast, now: datetime, media: Path
    ) -> None:
        with campus_scope(other_cast.campus):
            store(now)
        with campus_scope(cast.campus):
            assert orphans_delete(now=now + timedelta(days=1)) == 0
        assert len(objects(media)) == 1


class TestReading:
    def test_a_persons_reading_is_in_the_audit_log(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        image = store(now)
        dean = Actor(label="Dean", id="user:7")
        data = open_image(image, reason="asked by the student", actor=dean, now=now)
        assert data.startswith(b"\xff\xd8")
        assert data != plain_jpeg()  # the name of who looks is across it
        entry = Entry.objects.get(action="biometrics.image.opened")
        assert "asked by" not in str(entry.data)
        assert open_data(entry) == {"reason": "asked by the student"}
        assert (entry.actor_id, entry.target_id) == ("user:7", str(image.pk))

    def test_the_workers_reading_is_not(self, in_campus: Cast, now: datetime, media: Path) -> None:
        read_image(store(now))
        assert not Entry.objects.filter(action="biometrics.image.opened").exists()

    def test_files_have_no_address(self, in_campus: Cast, now: datetime, media: Path) -> None:
        assert sealed_url(store(now)) is None

    def test_no_plain_vector_or_photo_is_in_the_row(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        store(now)
        with connection.cursor() as cursor:
            cursor.execute("SELECT t::text FROM biometrics_storedimage t")
            assert "JFIF" not in cursor.fetchone()[0]


def attempt_with(cast: Cast, image: StoredImage, now: datetime) -> CheckInAttempt:
    return CheckInAttempt.objects.create(
        session=make_session(cast.course),
        student=cast.student,
        device=Device.objects.first(),
        selfie=image,
        nonce="n1",
        method=Method.QR,
        outcome=Outcome.ACCEPTED,
        received_at=now,
    )
