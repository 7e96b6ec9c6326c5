"""Whose device made a signature."""

from typing import Final

from apps.accounts.models import Device
from apps.common.signatures import device_signature_valid

KEYS_TRIED: Final = 500  # about 0.15 ms each


def device_that_signed(*, session_id: int, message: bytes, signature: bytes) -> int | None:
    """The bound device of somebody of the session's courses that made this signature, or None.

    Asked only when a signature did not fit the student's own device: a phone that signs in as its
    owner's friend betrays itself here.
    """
    keys = Device.objects.filter(
        is_active=True,
        student__enrollments__course__meetings__session=session_id,
        student__enrollments__status="enrolled",
    ).values_list("pk", "public_key")
    for device_id, key in keys.order_by("pk")[:KEYS_TRIED]:
        if device_signature_valid(public_key=bytes(key), message=message, signature=signature):
            return int(device_id)
    return None
