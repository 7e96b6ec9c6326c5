"""The same images in a real S3 server: sealed, signed addresses that expire, clear refusals."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage, storages
from pytest_django.fixtures import Settings

from apps.biometrics.models import StoredImage
from apps.biometrics.services import image_store, images_purge, orphans_delete
from apps.biometrics.storage import image_exists, read_image, sealed_url
from apps.common.crypto import SealBroken
from apps.common.errors import Refused
from apps.processes.spawning import wait_until
from campus.settings.images import s3_storage, signed_url_base
from tests.biometrics.support import free_port, plain_jpeg
from tests.factories import Cast
from tests.s3_server import KEYS, s3_server

BUCKET = "campus"
MONTH = timedelta(days=30)


@pytest.fixture(scope="session")
def s3_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


def use_s3(settings: Settings, address: str, **options: Any) -> None:
    """The storage that production has when AWS_STORAGE_BUCKET_NAME is set."""
    default = s3_storage(BUCKET, endpoint_url=address, region_name="us-east-1", **options)
    settings.STORAGES = {**settings.STORAGES, "default": default}


@pytest.fixture
def s3(settings: Settings, s3_address: str) -> Iterator[None]:
    """An empty bucket as the default storage."""
    use_s3(settings, s3_address, **KEYS)
    connection = storages["default"].connection.meta.client  # type: ignore[attr-defined]

    def create() -> bool:
        try:
            connection.create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError) as error:
            return "BucketAlready" in str(error)
        return True

    assert wait_until(create, timeout=60), "the S3 server did not start"
    objects = bucket().objects
    objects.all().delete()
    yield
    objects.all().delete()


def bucket() -> Any:
    """boto3's view of what lies there."""
    return storages["default"].bucket  # type: ignore[attr-defined]


def store(now: datetime, colour: str = "white", **options: Any) -> StoredImage:
    options.setdefault("kept_for", MONTH)
    return image_store(data=plain_jpeg(colour), now=now, **options)


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.usefixtures("s3")
class TestObjects:
    def test_an_image_is_sealed_and_reads_back(self, in_campus: Cast, now: datetime) -> None:
        image = store(now)
        raw = bucket().Object(image.key).get()["Body"].read()
        assert b"JFIF" not in raw
        assert b"\xff\xd8\xff" not in raw
        assert read_image(image) == plain_jpeg()

    def test_the_same_photo_is_one_object(self, in_campus: Cast, now: datetime) -> None:
        store(now)
        store(now + timedelta(days=1))
        assert len(list(bucket().objects.all())) == 1

    def test_a_changed_object_is_noticed(self, in_campus: Cast, now: datetime) -> None:
        image = store(now)
        bucket().Object(image.key).put(Body=b"x" * 100)
        with pytest.raises(SealBroken):
            read_image(image)

    def test_a_leftover_at_the_same_key_is_replaced(self, in_campus: Cast, now: datetime) -> None:
        image = store(now)
        StoredImage.objects.all().delete()
        bucket().Object(image.key).put(Body=b"half")
        again = store(now)
        assert again.key == image.key
        assert read_image(again) == plain_jpeg()
        assert len(list(bucket().objects.all())) == 1

    def test_a_lost_object_is_an_os_error(self, in_campus: Cast, now: datetime) -> None:
        image = store(now)
        default_storage.delete(image.key)
        with pytest.raises(OSError, match=image.sha256):
            read_image(image)

    def test_images_are_purged_and_orphans_found(self, in_campus: Cast, now: datetime) -> None:
        image = store(now, kept_for=timedelta(days=1))
        orphan = store(now, "red")
        StoredImage.objects.filter(pk=orphan.pk).delete()
        assert orphans_delete(now=now + timedelta(days=1), days=2) == 1
        assert image_exists(image.key)
        assert not image_exists(orphan.key)
        assert images_purge(now=now + timedelta(days=2)) == 1
        assert not image_exists(image.key)


@pytest.mark.usefixtures("s3")
class TestAddresses:
    def test_a_signed_address_works_and_expires(self, in_campus: Cast, now: datetime) -> None:
        image = store(now)
        url = sealed_url(image, seconds=2)
        assert url is not None
        status, body = fetch(url)
        assert status == 200
        assert b"JFIF" not in body
        assert wait_until(lambda: fetch(url)[0] == 403, timeout=20)

    def test_it_lasts_an_hour_unless_told_otherwise(self, in_campus: Cast, now: datetime) -> None:
        assert "X-Amz-Expires=3600" in (sealed_url(store(now)) or "")

    def test_it_begins_as_the_setting_says_and_is_signed_for_that(
        self, in_campus: Cast, now: datetime, s3_address: str, settings: Settings
    ) -> None:
        other = s3_address.replace("127.0.0.1", "localhost")
        settings.AWS_S3_SIGNED_URL_BASE = other
        image = store(now)
        url = sealed_url(image) or ""
        assert url.startswith(f"{other}/{BUCKET}/{image.key}?")
        assert fetch(url)[0] == 200
        assert fetch(url.replace("localhost", "127.0.0.1"))[0] == 403  # the name is signed too
        assert read_image(image) == plain_jpeg()  # we reach it as before

    def test_an_unsigned_or_changed_address_is_refused(
        self, in_campus: Cast, now: datetime
    ) -> None:
        url = sealed_url(store(now)) or ""
        assert fetch(url.partition("?")[0])[0] == 403
        assert fetch(url[:-4] + "0000")[0] == 403
        assert fetch(url.replace("Expires=3600", "Expires=7200"))[0] == 403


@pytest.mark.parametrize("base", ["", "https://files.example", "http://127.0.0.1:8333/"])
def test_a_base_of_addresses_is_a_host(base: str) -> None:
    assert signed_url_base(base) == base.rstrip("/")


@pytest.mark.parametrize(
    "base", ["files.example", "ftp://files.example", "https://f.example/a", "https://a@f.example"]
)
def test_what_is_no_host_is_refused(base: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="AWS_S3_SIGNED_URL_BASE"):
        signed_url_base(base)


class TestRefusals:
    def test_without_credentials_nothing_is_saved(
        self,
        in_campus: Cast,
        now: datetime,
        s3_address: str,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        use_s3(settings, s3_address)
        refuses(now, cause="NoCredentialsError")

    @pytest.mark.usefixtures("s3")
    def test_with_wrong_credentials_nothing_is_saved(
        self, in_campus: Cast, now: datetime, s3_address: str, settings: Settings
    ) -> None:
        use_s3(settings, s3_address, access_key=KEYS["access_key"], secret_key="wrong")
        refuses(now, cause="ClientError")

    def test_with_no_server_nothing_is_saved(
        self, in_campus: Cast, now: datetime, settings: Settings
    ) -> None:
        use_s3(settings, f"http://127.0.0.1:{free_port()}", **KEYS)
        refuses(now, cause="EndpointConnectionError")


def refuses(now: datetime, *, cause: str) -> None:
    with pytest.raises(Refused) as refused:
        store(now)
    assert (refused.value.code, refused.value.status) == ("storage_unavailable", 503)
    assert isinstance(refused.value.__cause__, OSError)
    assert str(refused.value.__cause__) == cause
    assert not StoredImage.objects.exists()
