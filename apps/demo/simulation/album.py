"""Whose face is whose: photos in `<person>/<n>.jpg`, dealt out to students.

The class shows how check-ins are judged, not how often an engine errs (`apps/face_models`
measures that). So photos that the quality gate would refuse are passed over, as a phone's camera
page would; and so are people whose selfie the engine takes for somebody else, one or two of a
hundred: they are counted, and the command says how many. Loads the engine: for commands, never for
the web.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any, Final

from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from apps.biometrics.engines import Engine, cosine_distance, get_engine
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.quality import CHECK_IN, ENROLMENT, Gate, assess

MOST_SAMPLES: Final = 3
BLUR_RADIUS: Final = 14  # pixels: no face is found in it any more
MARGIN: Final = 0.03  # cosine distance; a photo changes a little when it is sent and stored
CROP: Final = 0.04  # of each edge
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, kw_only=True)
class AlbumPerson:
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
        self._folders = folders
        self.unlike = 0  # people passed over, because their own photos do not match

    def people(self, number: int) -> list[AlbumPerson]:
        """The first so many whose photos can be used, or all where there are fewer."""
        return list(islice(self._usable(self._folders), number))

    def _usable(self, folders: list[Path]) -> Iterator[AlbumPerson]:
        for folder in folders:
            files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
            person = self._person([path.read_bytes() for path in files])
            if person is None:
                continue
            if self._matches(person):
                yield person
            else:
                self.unlike += 1

    def _person(self, photos: list[bytes]) -> AlbumPerson | None:
        """Up to three photos to enrol with, the others to check in with: at least one, if there
        are two."""
        enrolable = [photo for photo in photos if self._shows_one_face(photo, ENROLMENT)]
        if not enrolable:
            return None
        presentable = [photo for photo in photos if self._shows_one_face(photo, CHECK_IN)]
        samples = enrolable[:MOST_SAMPLES]
        if len(samples) > 1 and set(presentable) <= set(samples):
            samples.pop()
        selfies = tuple(photo for photo in presentable if photo not in samples)
        return AlbumPerson(
            samples=tuple(samples),
            selfies=selfies or (taken_again(samples[0]),),
            derived=not selfies,
        )

    def _matches(self, person: AlbumPerson) -> bool:
        """Whether the first selfie is near enough to the samples, as a worker measures it."""
        selfie = self._vector(person.selfies[0])
        distances = [cosine_distance(selfie, self._vector(sample)) for sample in person.samples]
        return mean(distances) <= self._engine.spec.threshold - MARGIN

    def _vector(self, photo: bytes) -> NDArray[Any]:
        """Of the largest face; the photo shows one, or would not be here."""
        pixels = read_photo(photo).pixels()
        vector: NDArray[Any] = self._engine.embed(pixels, self._engine.detect(pixels)[:1])[0]
        return vector

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
