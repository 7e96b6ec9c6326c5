"""Where registers may be exported to: names of the operator's, each a folder or a prefix of S3.

`REGISTER_EXPORT_TARGETS="warehouse=s3://bucket/folder lake=/srv/lake"`.
"""

import os
from typing import Any

S3 = "s3://"


def register_targets(text: str) -> dict[str, str]:
    """Name → address."""
    parts = [part.partition("=") for part in text.replace(",", " ").split()]
    return {name: address for name, _equals, address in parts if name and address}


def register_storage(address: str, s3_storage: Any) -> dict[str, Any]:
    """For STORAGES: files are written under their names, in the place of earlier ones."""
    if address.startswith(S3):
        bucket, _slash, folder = address.removeprefix(S3).partition("/")
        return dict(s3_storage(bucket, location=folder, file_overwrite=True))
    options = {
        "location": address,
        "allow_overwrite": True,
        "file_permissions_mode": 0o600,
        "directory_permissions_mode": 0o700,
    }
    return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}


REGISTER_EXPORT_TARGETS = register_targets(os.environ.get("REGISTER_EXPORT_TARGETS", ""))
