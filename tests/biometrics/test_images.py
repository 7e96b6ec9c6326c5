"""Photos from strangers: formats, limits, orientation, metadata, hostile bytes."""

import base64
import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from apps.biometrics.images import (
    JPEG_QUALITY,
    MAX_BYTES,
    MAX_SIDE,
    ImageReason,
    ImageRefused,
    photo_from_base64,
    read_photo,
)


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """A colourful gradient, different in every corner."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([255 * x / width, 255 * y / height, 255 - 255 * x / width], axis=-1)
    return Image.fromarray(rgb.astype(np.uint8), "RGB").convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and carries next to no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def refusal(data: bytes) -> ImageReason:
    with pytest.raises(ImageRefused) as caught:
        read_photo(data)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_formats_are_read_by_content(kind: str) -> None:
    photo = read_photo(encoded(picture(), kind))
    assert photo.size == (64, 48)
    assert photo.pixels().shape == (48, 64, 3)
    assert photo.pixels().dtype == np.uint8


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        grey = np.asarray(picture(mode="L"), dtype=np.uint16) * 257
        image = Image.fromarray(grey)
    else:
        image = picture(mode=mode)
    pixels = read_photo(encoded(image, "PNG")).pixels()
    expected = np.asarray(picture(mode="L" if mode != "1" else "1").convert("L"), dtype=float)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels.mean(axis=2) - expected).mean() < 40


def test_transparent_parts_become_white() -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    assert (read_photo(encoded(image, "PNG")).pixels() == 255).all()


def test_a_cmyk_jpeg_is_read() -> None:
    photo = read_photo(encoded(picture(mode="CMYK"), "JPEG"))
    assert np.abs(photo.pixels().astype(int) - np.asarray(picture(), dtype=int)).mean() < 12


def test_a_phones_multi_picture_jpeg_is_its_first_picture() -> None:
    data = encoded(picture(), "MPO", save_all=True, append_images=[picture().rotate(180)])
    photo = read_photo(data)
    assert np.abs(photo.pixels().astype(int) - np.asarray(picture(), dtype=int)).mean() < 12


@pytest.mark.parametrize(("orientation", "degrees"), [(3, 180), (6, 270), (8, 90)])
def test_orientation_is_applied_then_dropped(orientation: int, degrees: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(encoded(picture(), "JPEG", exif=exif, quality=95))
    expected = np.asarray(picture().rotate(degrees, expand=True), dtype=int)

    assert photo.pixels().shape == expected.shape
    assert np.abs(photo.pixels() - expected).mean() < 4
    with Image.open(BytesIO(photo.jpeg())) as again:
        assert not again.getexif()


def test_no_metadata_survives() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret description"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    data = encoded(picture(), "JPEG", exif=exif, comment=b"secret comment", icc_profile=b"secret")
    kept = read_photo(data).jpeg()

    assert b"secret" not in kept
    with Image.open(BytesIO(kept)) as again:
        assert not again.getexif()
        assert set(again.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_large_photo_is_shrunk_in_proportion() -> None:
    photo = read_photo(encoded(picture(3000, 1500), "JPEG"))
    assert photo.size == (MAX_SIDE, MAX_SIDE // 2)


def test_a_large_photo_is_turned_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG"):
        data = encoded(picture(3000, 1500), kind, exif=exif)
        assert read_photo(data).size == (MAX_SIDE // 2, MAX_SIDE)


def test_a_small_photo_is_not_blown_up() -> None:
    assert read_photo(encoded(picture(50, 20), "PNG")).size == (50, 20)


def test_an_extreme_strip_keeps_a_pixel() -> None:
    assert read_photo(encoded(picture(20_000, 2), "PNG")).size == (MAX_SIDE, 1)


def test_it_is_kept_as_jpeg_of_quality_85() -> None:
    reference = encoded(picture(8, 8), "JPEG", quality=JPEG_QUALITY)
    with (
        Image.open(BytesIO(read_photo(encoded(picture(), "PNG")).jpeg())) as kept,
        Image.open(BytesIO(reference)) as expected,
    ):
        assert JPEG_QUALITY == 85
        assert isinstance(kept, JpegImageFile)
        assert isinstance(expected, JpegImageFile)
        assert kept.quantization == expected.quantization


def test_what_is_kept_is_smaller_than_a_2_mb_png() -> None:
    generator = np.random.default_rng(seed=1)
    rough = generator.integers(0, 256, size=(850, 850, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(rough, "RGB"), "PNG")
    assert len(data) > 2_000_000
    assert len(read_photo(data).jpeg()) < len(data) / 2


def test_the_hash_is_of_the_content() -> None:
    one, same = read_photo(encoded(picture(), "PNG")), read_photo(encoded(picture(), "PNG"))
    other = read_photo(encoded(picture().rotate(180), "PNG"))
    assert one.sha256 == same.sha256
    assert one.sha256 != other.sha256
    assert len(one.sha256) == 64


def test_too_many_bytes_are_refused_unread() -> None:
    assert refusal(encoded(picture(), "JPEG") + b"\0" * MAX_BYTES) is ImageReason.TOO_LARGE


@pytest.mark.parametrize("size", [(5001, 5000), (20_000, 20_000), (60_000, 60_000)])
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    assert refusal(png_header(*size)) is ImageReason.TOO_MANY_PIXELS


def test_25_megapixels_are_taken() -> None:
    blank = Image.new("RGB", (5000, 5000), "grey")
    assert read_photo(encoded(blank, "PNG")).size == (MAX_SIDE, MAX_SIDE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.03, 0.3, 0.9])
def test_a_cut_off_file_is_refused(kind: str, share: float) -> None:
    data = encoded(picture(200, 200), kind)
    assert refusal(data[: int(len(data) * share)]) is ImageReason.TRUNCATED


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_formats_are_named_as_such(kind: str) -> None:
    assert refusal(encoded(picture(), kind)) is ImageReason.UNSUPPORTED_FORMAT


def test_films_are_named_as_such() -> None:
    assert refusal(b"\0\0\0\x18ftypisom" + b"\0" * 64) is ImageReason.UNSUPPORTED_FORMAT
    frames = [picture(), picture(mode="L").convert("RGB")]
    film = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    assert refusal(film) is ImageReason.ANIMATED


def test_bent_avif_is_refused_or_harmless() -> None:
    whole = encoded(picture(400, 300), "AVIF")
    assert refusal(whole[: len(whole) // 2]) is ImageReason.TRUNCATED
    generator = np.random.default_rng(7)
    for _ in range(100):
        bent = np.frombuffer(whole, dtype=np.uint8).copy()
        bent[generator.integers(12, len(bent), size=4)] = generator.integers(0, 256, size=4)
        with suppress(ImageRefused):
            assert max(read_photo(bent.tobytes()).size) <= MAX_SIDE


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(kind: str) -> None:
    frames = [picture().rotate(90 * turn) for turn in range(1, 3)]
    data = encoded(picture(), kind, save_all=True, append_images=frames)
    assert refusal(data) is ImageReason.ANIMATED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", ImageReason.EMPTY),
        (b"hello", ImageReason.NOT_AN_IMAGE),
        (b"<html>" + b"x" * 1000, ImageReason.NOT_AN_IMAGE),
        (b"\0" * 5000, ImageReason.NOT_AN_IMAGE),
        (b"%PDF-1.7 ...", ImageReason.UNSUPPORTED_FORMAT),
    ],
)
def test_what_is_no_photo_is_refused(data: bytes, reason: ImageReason) -> None:
    assert refusal(data) is reason


def test_random_damage_never_raises_anything_else() -> None:
    generator = np.random.default_rng(seed=3)
    for kind in ("JPEG", "PNG", "WEBP"):
        data = encoded(picture(120, 90), kind)
        for _ in range(150):
            broken = bytearray(data)
            for place in generator.integers(0, len(data), size=4):
                broken[place] = generator.integers(0, 256)
            with suppress(ImageRefused):
                assert max(read_photo(bytes(broken)).size) <= MAX_SIDE


@pytest.mark.parametrize(
    "prefix", ["", "data:image/jpeg;base64,", "  data:image/png;charset=x;base64,"]
)
def test_base64_is_read_with_or_without_its_prefix(prefix: str) -> None:
    data = encoded(picture(), "JPEG")
    text = prefix + base64.encodebytes(data).decode()
    assert photo_from_base64(text).sha256 == read_photo(data).sha256


@pytest.mark.parametrize("text", ["data:image/jpeg;base64,@@@@", "abc", "ключ", "data:,"])
def test_bad_base64_is_refused(text: str) -> None:
    with pytest.raises(ImageRefused) as caught:
        photo_from_base64(text)
    assert caught.value.reason in {ImageReason.BAD_BASE64, ImageReason.EMPTY}


def test_endless_base64_is_refused_undecoded() -> None:
    with pytest.raises(ImageRefused) as caught:
        photo_from_base64("A" * (MAX_BYTES * 2))
    assert caught.value.reason is ImageReason.TOO_LARGE


def test_a_real_portrait_comes_through(astronaut_path: Path) -> None:
    assert read_photo(astronaut_path.read_bytes()).size == (512, 512)
