"""Fonts for the scripts that DejaVu Sans lacks; a document gets those whose letters it holds."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

FONTS: Final = Path(__file__).parent.parent / "fonts"
NOTO: Final = FONTS / "noto"
HAN: Final = FONTS / "droid" / "DroidSansFallbackFull.ttf"
HANGUL: Final = FONTS / "nanum" / "NanumGothic.ttf"

# First and last letter of a script's blocks, and what has them.
SCRIPTS: Final[tuple[tuple[int, int, Path], ...]] = (
    (0x0780, 0x07BF, NOTO / "NotoSansThaana-Regular.ttf"),
    (0x0900, 0x097F, NOTO / "NotoSansDevanagari-Regular.ttf"),
    (0x0980, 0x09FF, NOTO / "NotoSansBengali-Regular.ttf"),
    (0x0A00, 0x0A7F, NOTO / "NotoSansGurmukhi-Regular.ttf"),
    (0x0A80, 0x0AFF, NOTO / "NotoSansGujarati-Regular.ttf"),
    (0x0B00, 0x0B7F, NOTO / "NotoSansOriya-Regular.ttf"),
    (0x0B80, 0x0BFF, NOTO / "NotoSansTamil-Regular.ttf"),
    (0x0C00, 0x0C7F, NOTO / "NotoSansTelugu-Regular.ttf"),
    (0x0C80, 0x0CFF, NOTO / "NotoSansKannada-Regular.ttf"),
    (0x0D00, 0x0D7F, NOTO / "NotoSansMalayalam-Regular.ttf"),
    (0x0D80, 0x0DFF, NOTO / "NotoSansSinhala-Regular.ttf"),
    (0x0E00, 0x0E7F, NOTO / "NotoSansThai-Regular.ttf"),
    (0x0F00, 0x0FFF, NOTO / "NotoSerifTibetan-Regular.ttf"),
    (0x1000, 0x109F, NOTO / "NotoSansMyanmar-Regular.ttf"),
    (0x1100, 0x11FF, HANGUL),
    (0x1200, 0x139F, NOTO / "NotoSansEthiopic-Regular.ttf"),
    (0x13A0, 0x13FF, NOTO / "NotoSansCherokee-Regular.ttf"),
    (0x1780, 0x17FF, NOTO / "NotoSansKhmer-Regular.ttf"),
    (0x1800, 0x18AF, NOTO / "NotoSansMongolian-Regular.ttf"),
    (0x2E80, 0x312F, HAN),
    (0x3130, 0x318F, HANGUL),
    (0x31A0, 0x4DBF, HAN),
    (0x4E00, 0x9FFF, HAN),
    (0xA8E0, 0xA8FF, NOTO / "NotoSansDevanagari-Regular.ttf"),
    (0xA980, 0xA9DF, NOTO / "NotoSansJavanese-Regular.ttf"),
    (0xAB00, 0xAB2F, NOTO / "NotoSansEthiopic-Regular.ttf"),
    (0xAC00, 0xD7AF, HANGUL),
    (0xF900, 0xFAFF, HAN),
    (0xFF00, 0xFFEF, HAN),
)


def fonts_for(texts: Iterable[str]) -> list[Path]:
    """The further fonts that these texts need; none for Latin, Greek, Cyrillic, Arabic, Hebrew."""
    letters = {ord(letter) for text in texts if not text.isascii() for letter in text}
    found = {path for first, last, path in SCRIPTS if any(first <= c <= last for c in letters)}
    return sorted(found)
