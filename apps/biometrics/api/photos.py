"""The photo of a request: a multipart file, or base64 in JSON."""

from django.utils.translation import gettext as _
from rest_framework.request import Request

from apps.biometrics.api.serializers import PhotoJson, PhotoUpload
from apps.biometrics.images import ImageRefused, photo_from_base64, read_photo
from apps.common.errors import Invalid


def request_photo(request: Request) -> bytes:
    """The normalised JPEG of the field `photo`; raises `Invalid` with the reason as its code."""
    is_json = request.content_type.partition(";")[0].strip() == "application/json"
    data = (PhotoJson if is_json else PhotoUpload)(data=request.data)
    try:
        data.is_valid(raise_exception=True)
        photo = data.validated_data["photo"]
        read = photo_from_base64(photo) if is_json else read_photo(photo.read())
    except ImageRefused as refused:
        message = _("This photo cannot be used (%(why)s).") % {"why": refused.reason.value}
        raise Invalid(refused.reason.value, message) from refused
    return read.jpeg()
