"""Where others reach the bucket of images, if at all."""

import os
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
