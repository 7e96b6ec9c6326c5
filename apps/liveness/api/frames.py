"""The frames of a check-in, as a client sends them: named in the signed evidence, and as files."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from apps.biometrics.images import ImageRefused, bytes_from_base64, read_photo
from apps.common.errors import Invalid
from apps.common.inputs import Input
from apps.liveness.judging import LEAST_FRAMES, MOST_FRAMES
from apps.liveness.services import SentFrame
from apps.liveness.turns import Turn

SIDE: Final = 480  # pixels of the longer side of what is kept
MOST_BYTES: Final = 256 * 1024
MOST_PIXELS: Final = 2_500_000
"""Of one frame: eight unpack to less than the largest photo. 256 kB can hold ten times as many."""
LONGEST_MS: Final = 90_000  # a ticket's life


class FrameInput(Input):
    """A frame as the signed evidence names it."""

    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")
    turn = serializers.IntegerField(
        min_value=0,
        max_value=3,
        help_text=gettext_lazy("0: straight ahead, then the turns in the ticket's order."),
    )
    at_ms = serializers.IntegerField(
        min_value=0, max_value=LONGEST_MS, help_text=gettext_lazy("Since the first frame.")
    )


def named_frames() -> serializers.ListField:
    """The field of the evidence."""
    return serializers.ListField(
        child=FrameInput(),
        required=False,
        allow_null=True,
        min_length=LEAST_FRAMES,
        max_length=MOST_FRAMES,
    )


def frame_files() -> serializers.ListField:
    """The field of a multipart body, the files in the order in which the evidence names them."""
    return serializers.ListField(
        child=serializers.FileField(), required=False, max_length=MOST_FRAMES
    )


def frame_texts() -> serializers.ListField:
    """The same in JSON, in base64."""
    return serializers.ListField(
        child=serializers.CharField(max_length=MOST_BYTES * 4 // 3 + 1024),
        required=False,
        allow_null=True,
        max_length=MOST_FRAMES,
    )


def asked_turns() -> serializers.ListField:
    """The field of a ticket."""
    return serializers.ListField(
        child=serializers.ChoiceField(choices=[turn.value for turn in Turn]),
        help_text=gettext_lazy(
            "Head turns to show where the session asks for them, as the student sees them."
        ),
    )


def frames_of(
    uploads: Sequence[Any] | None, named: Sequence[dict[str, Any]] | None
) -> tuple[SentFrame, ...]:
    """The frames, normalised; they must be the ones that the device signed.

    Raises `Invalid`: frames_not_signed, frame_too_large, frame_<why it is no photo>.
    """
    uploads, named = uploads or (), named or ()
    if len(uploads) != len(named):
        raise _not_signed()
    return tuple(_frame(upload, name) for upload, name in zip(uploads, named, strict=True))


def _frame(upload: Any, named: dict[str, Any]) -> SentFrame:
    try:
        raw = bytes_from_base64(upload) if isinstance(upload, str) else upload.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            message = _("A frame has at most %(kB)s kB.") % {"kB": MOST_BYTES // 1024}
            raise Invalid("frame_too_large", message)
        if hashlib.sha256(raw).hexdigest() != named["sha256"]:
            raise _not_signed()
        photo = read_photo(raw, max_side=SIDE, max_pixels=MOST_PIXELS)
    except ImageRefused as refused:
        message = _("A frame cannot be used (%(why)s).") % {"why": refused.reason.value}
        raise Invalid(f"frame_{refused.reason.value}", message) from refused
    return SentFrame(jpeg=photo.jpeg(), turn=named["turn"], at_ms=named["at_ms"])


def _not_signed() -> Invalid:
    return Invalid("frames_not_signed", _("The signed evidence names other frames."))
