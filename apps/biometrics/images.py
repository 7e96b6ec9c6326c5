"""Reads the photos people send, without trusting a byte of them.

Pillow only: the web process may import this module.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from apps.biometrics.heic import NotDecoded, heic_as_jpeg, is_heic

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_PIXELS: Final = 25_000_000
MAX_SIDE: Final = 1024  # pixels of what is kept
JPEG_QUALITY: Final = 85
MAX_BASE64: Final = MAX_BYTES * 4 // 3 + 1024  # characters, room for a prefix and line ends

LEAST_SIDE: Final = 40  # pixels; `quality.CHECK_IN` takes no smaller face
LEAST_SPREAD: Final = 2.0  # standard deviation of the grey values, 0..127; a cautious choice

_DATA_URL: Final = re.compile(r"\s*data:[\w.+-]+/[\w.+-]+(;[\w.=+-]+)*,", re.ASCII)
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF")  # Pillow's names; HEIC is made a JPEG before
_SEVERAL: Final = {"JPEG", "MPO"}  # some phones write further pictures behind the first
_OTHER_PICTURES: Final = (
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"%PDF",
    b"\x00\x00\x01\x00",
    b"8BPS",
    b"<svg",
)
_ISO_MEDIA: Final = b"ftyp"  # AVIF, films: at byte 4


class ImageReason(StrEnum):
    """Why a photo was refused before anyone looked for a face in it."""

    EMPTY = "empty"
    BAD_BASE64 = "bad_base64"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    ANIMATED = "animated"
    TRUNCATED = "truncated"


class ImageRefused(Exception):
    """The bytes are not a photo that we take; `reason` says why."""

    def __init__(self, reason: ImageReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class Photo:
    """A photo made harmless: upright RGB, of bounded size (1024 pixels a side), no metadata."""

    image: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.size

    def pixels(self) -> NDArray[np.uint8]:
        """Height x width x 3, RGB, as the face engines take it."""
        return np.asarray(self.image, dtype=np.uint8)

    def jpeg(self) -> bytes:
        """The photo as JPEG of quality 85 without metadata: what is kept, and what is hashed."""
        return self._jpeg

    @property
    def sha256(self) -> str:
        """Content hash in hexadecimal, of the JPEG: equal uploads give equal hashes."""
        return hashlib.sha256(self._jpeg).hexdigest()

    @cached_property
    def _jpeg(self) -> bytes:
        buffer = BytesIO()
        self.image.save(buffer, format="JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue()


def read_photo(data: bytes, *, max_side: int = MAX_SIDE, max_pixels: int = MAX_PIXELS) -> Photo:
    """Check and normalise the bytes of a JPEG, HEIC, AVIF, PNG or WebP; raises `ImageRefused`.

    Bytes and pixels are limited before anything is decoded. The name and the declared type of the
    upload play no part. `max_side` in pixels: larger ones are made smaller.
    """
    check_photo(data, max_pixels=max_pixels)
    with _opened(_jpeg_of(data, max_pixels) if is_heic(data) else data) as image:
        return Photo(_normalised(image, max_side))


def check_photo(data: bytes, *, max_pixels: int = MAX_PIXELS) -> None:
    """What `read_photo` sees before it decodes a pixel, for photos that a worker reads later;
    raises `ImageRefused`."""
    if not data:
        raise ImageRefused(ImageReason.EMPTY)
    if len(data) > MAX_BYTES:
        raise ImageRefused(ImageReason.TOO_LARGE)
    if is_heic(data):
        return  # only its decoder knows more
    with _opened(data) as image:
        _check_header(image, max_pixels)


def hopeless(photo: Photo) -> str:
    """Why no face can be in the photo (a `reasons.SampleReason`), seen without looking for one:
    it is tiny, or all of one colour. "" where a worker has to look."""
    if min(photo.size) < LEAST_SIDE:
        return "face_too_small"
    small = photo.image.convert("L").resize((64, 64), Image.Resampling.BOX)
    return "no_face" if float(np.asarray(small, dtype=np.float32).std()) < LEAST_SPREAD else ""


def photo_from_base64(text: str) -> Photo:
    """The same from base64, with or without a `data:image/...;base64,` prefix (SIS-15)."""
    return read_photo(bytes_from_base64(text))


def bytes_from_base64(text: str) -> bytes:
    """The bytes behind such a text, spaces and line ends left out; raises `ImageRefused`."""
    if len(text) > MAX_BASE64:
        raise ImageRefused(ImageReason.TOO_LARGE)
    body = "".join(_DATA_URL.sub("", text, count=1).split())
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise ImageRefused(ImageReason.BAD_BASE64) from error


def _opened(data: bytes) -> Image.Image:
    """The header read, no pixel decoded."""
    try:
        return Image.open(BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageRefused(ImageReason.TOO_MANY_PIXELS) from error
    except Exception as error:  # Pillow's readers raise a dozen types on hostile headers
        raise ImageRefused(_unreadable(data)) from error


def _jpeg_of(heic: bytes, max_pixels: int) -> bytes:
    try:
        return heic_as_jpeg(heic, max_pixels=max_pixels)
    except NotDecoded as error:
        too_many = error.too_many_pixels
        reason = ImageReason.TOO_MANY_PIXELS if too_many else ImageReason.TRUNCATED
        raise ImageRefused(reason) from error


def _unreadable(data: bytes) -> ImageReason:
    if data[4:12] == _ISO_MEDIA + b"avif":
        return ImageReason.TRUNCATED
    if data.startswith(_OTHER_PICTURES) or data[4:8] == _ISO_MEDIA:
        return ImageReason.UNSUPPORTED_FORMAT
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or data[8:12] == b"WEBP":
        return ImageReason.TRUNCATED
    return ImageReason.NOT_AN_IMAGE


def _check_header(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise ImageRefused(ImageReason.TOO_MANY_PIXELS)
    if image.format not in _SEVERAL and getattr(image, "is_animated", False):
        raise ImageRefused(ImageReason.ANIMATED)


def _normalised(image: Image.Image, max_side: int) -> Image.Image:
    """Shrinks before it converts: of 25 megapixels every further copy would cost 100 MB."""
    try:
        image.draft("RGB", (2 * max_side, 2 * max_side))  # JPEG: decode large ones reduced
        image.load()
        small = _resizable(image)
        small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        upright = _rgb(ImageOps.exif_transpose(small))
    except Exception as error:  # OSError, SyntaxError, struct.error, zlib.error, EOFError, ...
        raise ImageRefused(ImageReason.TRUNCATED) from error
    clean = Image.new("RGB", upright.size)  # a fresh image carries no metadata along
    clean.paste(upright)
    return clean


def _resizable(image: Image.Image) -> Image.Image:
    """Palettes and 16-bit greys in a mode that can be interpolated."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 257).convert("L")
    if image.mode in {"P", "PA", "1"}:
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    return image


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB, transparent parts on white."""
    if "A" in image.getbands() or "transparency" in image.info:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return image.convert("RGB")


def watermarked(jpeg: bytes, text: str) -> bytes:
    """The picture with a line of text across it, again and again: a copy says whose it is."""
    image = Image.open(BytesIO(jpeg)).convert("RGB")
    size = max(12, image.width // 32)
    font = ImageFont.load_default(size)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    wide = max(1, int(draw.textlength(f"{text}   ", font=font)))
    for row, y in enumerate(range(0, image.height, size * 4)):
        for x in range(-(row % 2) * wide // 2, image.width, wide):
            draw.text(
                (x, y),
                text,
                font=font,
                fill=(255, 255, 255, 150),
                stroke_width=1,
                stroke_fill=(0, 0, 0, 150),
            )
    shown = BytesIO()
    Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB").save(
        shown, "JPEG", quality=85
    )
    return shown.getvalue()
