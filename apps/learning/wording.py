"""What students agree to besides, where the campus learns from check-ins."""

from typing import Final

from django.utils.translation import gettext

LEARNING: Final = "l1"
"""In the version of a consent. Change the text, raise the number: it is then asked anew."""


def learning_text() -> str:
    return gettext(
        "Photos of my check-ins in which I was recognized well and seen live may be kept and "
        "become templates beside those of my enrolment, at most six in all, so that I am still "
        "recognized when I change. I see them with my photos and may remove them."
    )
