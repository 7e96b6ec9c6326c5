"""Photos as phones keep them (HEIC), as JPEG, decoded by a process of its own.

What a HEIC says of its size need not be the size that its HEVC stream has, and decoders of video
are where holes are found: the process may use little memory and time, knows no secret, and ends
with the photo. Other formats are read by Pillow in the process that asks.
"""

import resource
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Final

BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"}  # ISO/IEC 23008-12
MEMORY: Final = 700 * 1024 * 1024  # bytes of addresses; a photo of 25 megapixels needs 400 MB
SECONDS: Final = 20
QUALITY: Final = 95
TOO_MANY_PIXELS: Final = 3  # how the process ends then


class NotDecoded(Exception):
    """The bytes are no HEIC that can be read; `too_many_pixels` where it says to be too large."""

    def __init__(self, *, too_many_pixels: bool = False) -> None:
        super().__init__("too many pixels" if too_many_pixels else "not decoded")
        self.too_many_pixels = too_many_pixels


def is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def heic_as_jpeg(data: bytes, *, max_pixels: int) -> bytes:
    """The picture that is meant of a HEIC file, upright, as JPEG; raises `NotDecoded`."""
    command = [sys.executable, "-I", str(Path(__file__)), str(max_pixels)]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=SECONDS, env={}, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotDecoded from error
    if done.returncode:
        raise NotDecoded(too_many_pixels=done.returncode == TOO_MANY_PIXELS)
    return done.stdout


def main(max_pixels: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    picture = pi_heif.open_heif(BytesIO(sys.stdin.buffer.read()), convert_hdr_to_8bit=True)
    if picture.size[0] * picture.size[1] > max_pixels:
        return TOO_MANY_PIXELS
    picture.to_pillow().convert("RGB").save(sys.stdout.buffer, "JPEG", quality=QUALITY)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
