"""The photo of a request: a multipart file, or base64 in JSON."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _
from rest_framework.request import Request

from apps.biometrics.api.serializers import PhotoJson, PhotoUpload
from apps.biometrics.images import ImageRefused, bytes_from_base64, read_photo
from apps.common.errors import Invalid


def request_photo(request: Request) -> bytes:
    """The normalised JPEG of the field `photo`; raises `Invalid` with the reason as its code."""
    with refusing_photos():
        return read_photo(sent_photo(request)).jpeg()


def sent_photo(request: Request) -> bytes:
    """The bytes of the field `photo` as they came, for a worker to read."""
    is_json = request.content_type.partition(";")[0].strip() == "application/json"
    data = (PhotoJson if is_json else PhotoUpload)(data=request.data)
    data.is_valid(raise_exception=True)
    photo = data.validated_data["photo"]
    return bytes_from_base64(photo) if is_json else bytes(photo.read())


@contextmanager
def refusing_photos() -> Iterator[None]:
    """`ImageRefused` as `Invalid`, with the reason as its code."""
    try:
        yield
    except ImageRefused as refused:
        message = _("This photo cannot be used (%(why)s).") % {"why": refused.reason.value}
        raise Invalid(refused.reason.value, message) from refused
