"""HEIC, as phones keep photos: decoded apart, with little memory, and never a failure of ours."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from apps.biometrics import heic
from apps.biometrics.images import ImageReason, check_photo, read_photo
from tests.biometrics.test_images import picture, refusal


def written(*images: Image.Image, **options: Any) -> bytes:
    """As a phone writes it, by the library that `pi_heif` is the reading half of."""
    file, buffer = pillow_heif.HeifFile(), BytesIO()
    for image in images:
        file.add_from_pillow(image)
    file.save(buffer, **options)
    return buffer.getvalue()


def test_the_first_picture_is_read() -> None:
    data = written(picture(), picture().rotate(180))
    check_photo(data)
    photo = read_photo(data)
    assert photo.size == (64, 48)
    assert np.abs(photo.pixels().astype(int) - np.asarray(picture(), dtype=int)).mean() < 6


def test_it_is_turned_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = read_photo(written(picture(), exif=exif.tobytes()))
    assert photo.size == (48, 64)
    turned = np.asarray(picture().rotate(270, expand=True), dtype=int)
    assert np.abs(photo.pixels().astype(int) - turned).mean() < 6


def test_ten_bits_a_colour_become_eight() -> None:
    file, buffer = pillow_heif.HeifFile(), BytesIO()
    deep = np.asarray(picture(), dtype=np.uint16) * 257
    file.add_frombytes("RGB;16", (64, 48), deep.tobytes())
    file.save(buffer)
    pixels = read_photo(buffer.getvalue()).pixels().astype(int)
    assert np.abs(pixels - np.asarray(picture(), dtype=int)).mean() < 6


def test_what_is_cut_off_or_bent_is_refused() -> None:
    whole = written(picture(400, 300))
    for end in (12, 100, len(whole) // 2):
        assert refusal(whole[:end]) is ImageReason.TRUNCATED
    assert refusal(whole[:200] + b"\xff" * 400) is ImageReason.TRUNCATED


def test_a_size_that_is_only_claimed_is_refused_undecoded() -> None:
    size = struct.pack(">II", 64, 64)
    data = written(picture(64, 64))
    assert size in data
    assert refusal(data.replace(size, struct.pack(">II", 30_000, 30_000))) is (
        ImageReason.TOO_MANY_PIXELS
    )


def test_a_stream_that_is_larger_than_its_file_says_is_refused() -> None:
    data = written(Image.new("L", (1024, 1024), 90))
    small = data.replace(struct.pack(">II", 1024, 1024), struct.pack(">II", 64, 64))
    assert small != data
    assert refusal(small) is ImageReason.TRUNCATED


def test_a_decoder_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heic, "SECONDS", 0.01)
    assert refusal(written(picture())) is ImageReason.TRUNCATED
