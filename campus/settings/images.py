"""Images in a bucket: which one, how it is reached, and where others reach it, if at all."""

import os
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def signed_url_base(text: str) -> str:
    """Raises `ImproperlyConfigured` for what is no address of a host."""
    parts = urlsplit(text)
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if text and (parts.scheme not in {"https", "http"} or not parts.hostname or extra):
        message = "AWS_S3_SIGNED_URL_BASE is no address of a host, such as https://files.example."
        raise ImproperlyConfigured(message)
    return text.rstrip("/")


AWS_BUCKET = os.environ.get("AWS_STORAGE_BUCKET_NAME", "")
# https://host of signed addresses of sealed objects; without it they begin as we reach the bucket.
AWS_S3_SIGNED_URL_BASE = signed_url_base(os.environ.get("AWS_S3_SIGNED_URL_BASE", ""))


def s3_storage(bucket: str, **options: Any) -> dict[str, Any]:
    """Images in S3; keys and region come from the usual AWS variables.

    Short timeouts: a check-in waits for the storage while it holds a transaction.
    """
    from botocore.config import Config  # only where S3 is used: 15 MB

    quick = {"connect_timeout": 3, "read_timeout": 10, "retries": {"max_attempts": 2}}
    return {
        "BACKEND": "apps.common.s3.TimedS3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": os.environ.get("AWS_S3_ENDPOINT_URL") or None,
            "region_name": os.environ.get("AWS_S3_REGION_NAME") or None,
            "default_acl": "private",
            "querystring_auth": True,
            "querystring_expire": 3600,
            "file_overwrite": False,
            "client_config": Config(signature_version="s3v4", **quick),
            **options,
        },
    }
