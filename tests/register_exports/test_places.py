"""Places of exports: what the operator writes, and a bucket of a real S3 server."""

import hashlib
import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import storages

from apps.common.errors import Refused
from apps.processes.spawning import wait_until
from apps.register_exports.models import WarehouseSetting
from apps.register_exports.services import new_key
from apps.register_exports.storage import put, targets
from campus.settings.exports import register_storage, register_targets
from campus.settings.images import s3_storage
from tests.factories import Cast
from tests.register_exports.test_exports import run_export
from tests.s3_server import KEYS, s3_server

pytestmark = pytest.mark.django_db


def test_places_are_named_by_the_operator() -> None:
    text = "warehouse=s3://bucket/some/folder lake=/srv/lake, broken =x y="
    assert register_targets(text) == {
        "warehouse": "s3://bucket/some/folder",
        "lake": "/srv/lake",
    }
    assert register_targets("") == {}


def test_a_bucket_takes_an_export_whole_and_again(
    in_campus: Cast, now: datetime, tmp_path: Path, settings: Any
) -> None:
    with s3_server(tmp_path) as address:
        bucket = partial(s3_storage, endpoint_url=address, region_name="us-east-1", **KEYS)
        place = register_storage("s3://warehouse/registers", bucket)
        settings.STORAGES = {**settings.STORAGES, "registers:warehouse": place}
        storage: Any = storages["registers:warehouse"]

        def create() -> bool:
            try:
                storage.connection.meta.client.create_bucket(Bucket="warehouse")
            except (BotoCoreError, ClientError) as error:
                return "BucketAlready" in str(error)
            return True

        assert wait_until(create, timeout=60), "the S3 server did not start"
        assert targets() == ["warehouse"]
        WarehouseSetting.objects.create(target="warehouse", sealed_key=new_key())
        export = run_export(now=in_campus.student.updated_at)
        names = {item.key: item for item in storage.bucket.objects.all()}
        [manifest] = [key for key in names if key.endswith("/manifest.json")]
        assert manifest.startswith("registers/north/")
        assert str(export.pk) in manifest
        said = json.loads(names[manifest].get()["Body"].read())
        for one in said["files"]:
            key = manifest.replace("manifest.json", one["name"])
            data = names[key].get()["Body"].read()
            assert hashlib.sha256(data).hexdigest() == one["sha256"]
        path = tmp_path / "again"
        path.write_bytes(b"again")
        put("warehouse", manifest.removeprefix("registers/"), path)
        assert names[manifest].get()["Body"].read() == b"again"
        assert len(list(storage.bucket.objects.all())) == len(names)


def test_a_place_that_takes_nothing_is_a_refusal(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "file").write_bytes(b"")
    place = register_storage(str(tmp_path / "file" / "below"), s3_storage)
    settings.STORAGES = {**settings.STORAGES, "registers:lake": place}
    with pytest.raises(Refused) as refused:
        put("lake", "north/x", tmp_path / "file")
    assert (refused.value.code, refused.value.status) == ("target_unavailable", 503)
