"""QR codes as pictures of a page."""

from typing import Final

import segno

QR_ERROR_LEVEL: Final = "m"  # 15 % of the modules may be lost: a projector's glare
QUIET_ZONE: Final = 4  # modules, ISO/IEC 18004


def code_svg(text: str) -> str:
    """The QR code as an SVG without size, style or script, with its quiet zone."""
    qr = segno.make(text, error=QR_ERROR_LEVEL, micro=False)
    return qr.svg_inline(scale=1, border=QUIET_ZONE, omitsize=True, dark="#000", light="#fff")
