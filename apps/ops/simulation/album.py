"""Whose face is whose: photos in `<person>/<n>.jpg`, dealt out to students.

A phone's camera page takes a picture only when it shows one face well, so photos that the quality
gate would refuse are passed over here. Loads the face engine: for commands, never for the web.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Final

from PIL import Image, ImageEnhance, ImageFilter

from apps.biometrics.engines import Engine, get_engine
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.quality import CHECK_IN, ENROLMENT, Gate, assess

MOST_SAMPLES: Final = 3
LEAST_FOR_ALL_SAMPLES: Final = 4  # photos: three to enrol with and one to check in with
BLUR_RADIUS: Final = 14  # pixels: no face is found in it any more
CROP: Final = 0.04  # of each edge
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, kw_only=True)
class Person:
    """The photos of one face. `derived`: the only photo serves as selfie too, cropped and lit
    differently, because there is no other."""

    samples: tuple[bytes, ...]
    selfies: tuple[bytes, ...]
    derived: bool = False


class Album:
    """The people of a folder in an order that the seed decides, looked at one by one."""

    def __init__(self, folder: Path, *, seed: int, engine: Engine | None = None) -> None:
        self._engine = engine or get_engine()
        folders = sorted(path for path in folder.iterdir() if path.is_dir())
        Random(seed).shuffle(folders)  # noqa: S311  (the same class every time, not a secret)
        self._people = self._usable(folders)
        self.dealt: list[Person] = []

    def next_person(self) -> Person | None:
        """Somebody nobody has got yet, or None when all are dealt."""
        person = next(self._people, None)
        if person is not None:
            self.dealt.append(person)
        return person

    def _usable(self, folders: list[Path]) -> Iterator[Person]:
        for folder in folders:
            files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
            person = self._person([path.read_bytes() for path in files])
            if person is not None:
                yield person

    def _person(self, photos: list[bytes]) -> Person | None:
        """Up to three photos to enrol with, the rest to check in with."""
        enrolable = [photo for photo in photos if self._shows_one_face(photo, ENROLMENT)]
        if not enrolable:
            return None
        number = MOST_SAMPLES if len(photos) >= LEAST_FOR_ALL_SAMPLES else len(photos) - 1
        samples = tuple(enrolable[: max(1, number)])
        rest = [photo for photo in photos if photo not in samples]
        selfies = tuple(photo for photo in rest if self._shows_one_face(photo, CHECK_IN))
        if selfies:
            return Person(samples=samples, selfies=selfies)
        return Person(samples=samples, selfies=(taken_again(samples[0]),), derived=True)

    def _shows_one_face(self, photo: bytes, gate: Gate) -> bool:
        try:
            pixels = read_photo(photo).pixels()
        except ImageRefused:
            return False
        return assess(pixels, self._engine.detect(pixels), gate).passed


def taken_again(photo: bytes) -> bytes:
    """The same portrait, a little closer and darker."""
    with Image.open(BytesIO(photo)) as opened:
        picture = opened.convert("RGB")
    across, down = (round(side * CROP) for side in picture.size)
    closer = picture.crop((across, down, picture.width - across, picture.height - down))
    return _jpeg(ImageEnhance.Brightness(closer).enhance(0.9))


def blurred(photo: bytes) -> bytes:
    """What a camera that moved too much took: nobody can be made out."""
    with Image.open(BytesIO(photo)) as opened:
        return _jpeg(opened.convert("RGB").filter(ImageFilter.GaussianBlur(BLUR_RADIUS)))


def _jpeg(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
