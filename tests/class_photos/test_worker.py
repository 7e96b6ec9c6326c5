"""What a worker does with a photo of a hall: every face, large or small, each once."""

from datetime import datetime
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from apps.audit.services import SYSTEM
from apps.biometrics.engines import Engine, Pixels
from apps.biometrics.worker import observe_for_enrolment
from apps.class_photos import tasks, worker
from apps.class_photos.models import ClassPhoto, PhotoFace
from apps.class_photos.services.looking import MAX_STARTS
from apps.class_photos.services.reviews import photo_add
from apps.class_photos.worker import KEPT_SIDE, find_faces, look_at
from apps.sessions.models import ClassSession
from apps.tenants.scope import current_campus_id
from tests.biometrics.support import enrol
from tests.class_photos.support import add
from tests.factories import Cast

HEAD = (160, 10, 340, 250)  # of the portrait: left, top, right, bottom; the face is 100 wide
FACE = 100
SIDES = (40, 60, 90, 140, 220, 600)  # pixels of faces in a 12-megapixel photo


def hall_of(portrait: Pixels, sides: tuple[int, ...] = SIDES) -> Pixels:
    """A 12-megapixel picture of a wall with one head of each size."""
    generator = np.random.default_rng(seed=3)
    wall = generator.normal(120, 10, size=(378, 504, 3)).clip(0, 255).astype(np.uint8)
    photo = np.asarray(cv2.resize(wall, (4032, 3024), interpolation=cv2.INTER_CUBIC), np.uint8)
    left, top, right, bottom = HEAD
    head = portrait[top:bottom, left:right]
    x = 50
    for place, side in enumerate(sides):
        way = cv2.INTER_AREA if side < FACE else cv2.INTER_CUBIC
        small = cv2.resize(head, None, fx=side / FACE, fy=side / FACE, interpolation=way)
        y = 950 if place % 2 else 1480  # where tiles meet
        photo[y : y + small.shape[0], x : x + small.shape[1]] = small
        x += small.shape[1] + 60
    return photo


def jpeg(pixels: Pixels, **more: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90, **more)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def hall(astronaut: Pixels) -> Pixels:
    return hall_of(astronaut)


def test_faces_of_all_sizes_are_found_once(engine: Engine, hall: Pixels) -> None:
    faces = sorted(find_faces(engine, hall), key=lambda face: face.box[0])
    assert len(faces) == len(SIDES)
    for face, side in zip(faces, SIDES, strict=True):
        assert side * 0.6 < face.side < side * 1.5


def test_a_phone_s_photo_is_turned_kept_small_and_every_face_is_the_same_person(
    engine: Engine, hall: Pixels, astronaut: Pixels
) -> None:
    """Turned by its metadata, as phones write it, with a place in it."""
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    exif[0x010F] = "Phone"
    lying = np.ascontiguousarray(np.rot90(hall))
    seen = look_at(jpeg(lying, exif=exif))
    kept = Image.open(BytesIO(seen.jpeg))
    assert (kept.size, max(kept.size)) == (seen.size, KEPT_SIDE)
    assert not kept.getexif()
    assert len(seen.faces) == len(seen.vectors) == len(SIDES)
    template = observe_for_enrolment(jpeg(astronaut)).vector
    assert template is not None
    distances = 1 - seen.vectors @ template
    assert distances.max() < 0.575
    for face in seen.faces:
        left, top, width, height = face.box
        assert left >= 0
        assert top >= 0
        assert left + width <= seen.size[0]
        assert top + height <= seen.size[1]


def test_a_photo_without_anybody_has_no_face(engine: Engine) -> None:
    seen = look_at(jpeg(np.full((3024, 4032, 3), 200, np.uint8)))
    assert (seen.faces, seen.vectors.shape) == ([], (0, 128))


def test_a_small_or_blurred_face_is_not_clear(engine: Engine, astronaut: Pixels) -> None:
    seen = look_at(jpeg(hall_of(astronaut, (30, 120, 125))[700:2000, :1300]))
    assert [face.clear for face in sorted(seen.faces, key=lambda each: each.box[0])] == [
        False,
        True,
        True,
    ]
    blurred = cv2.GaussianBlur(hall_of(astronaut, (120,))[700:2000, :600], (0, 0), 9)
    assert not any(face.clear for face in look_at(jpeg(blurred)).faces)


class TestTask:
    def run(self, photo: ClassPhoto) -> ClassPhoto:
        tasks.look_at_photo.apply((photo.pk,), headers={"campus_id": current_campus_id()})
        photo.refresh_from_db()
        return photo

    def test_the_photo_of_a_student_of_the_class_is_searched(
        self,
        lesson: ClassSession,
        in_campus: Cast,
        engine: Engine,
        hall: Pixels,
        now: datetime,
        astronaut: Pixels,
    ) -> None:
        assert enrol(in_campus.student, jpeg(astronaut), now).status == "accepted"
        photo = photo_add(session=lesson, data=jpeg(hall), now=now, actor=SYSTEM)
        assert self.run(photo).status == "done"
        faces = PhotoFace.objects.order_by("number")
        assert len(faces) == len(SIDES)
        named = [face for face in faces if face.meaning == "known"]
        assert [face.student_id for face in named] == [in_campus.student.pk]
        assert {face.meaning for face in faces} == {"known", "doubtful"}

    def test_what_is_cut_off_is_said_to_be_damaged(
        self, lesson: ClassSession, engine: Engine, hall: Pixels, now: datetime
    ) -> None:
        photo = photo_add(session=lesson, data=jpeg(hall)[:200_000], now=now, actor=SYSTEM)
        assert (self.run(photo).status, photo.problem) == ("failed", "image_damaged")

    def test_an_engine_that_fails_ends_in_words(
        self, lesson: ClassSession, engine: Engine, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(data: bytes) -> None:
            raise RuntimeError

        monkeypatch.setattr(worker, "look_at", broken)
        assert (self.run(add(lesson, now)).status, ClassPhoto.objects.get().problem) == (
            "failed",
            "failed",
        )

    def test_a_storage_that_is_away_is_asked_again_and_not_for_ever(
        self, lesson: ClassSession, engine: Engine, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(**_kwargs: object) -> None:
            raise OSError

        photo = add(lesson, now)
        monkeypatch.setattr(tasks, "photo_read", away)
        for _start in range(MAX_STARTS):
            assert self.run(photo).status == "waiting"
        assert (self.run(photo).status, photo.problem) == ("failed", "worker_lost")


@pytest.mark.faces
def test_real_people_in_a_hall_are_told_apart(engine: Engine, people: list[list[bytes]]) -> None:
    """Three people at 48 pixels, against templates of other photos of them."""
    templates = [observe_for_enrolment(photos[0]).vector for photos in people]
    photo = np.full((3024, 4032, 3), 120, np.uint8)
    for place, photos in enumerate(people):
        face = np.asarray(Image.open(BytesIO(photos[3])))
        small = cv2.resize(face, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        photo[1400 : 1400 + len(small), 900 * place : 900 * place + len(small)] = small
    seen = look_at(jpeg(photo))
    distances = 1 - seen.vectors @ np.array(templates).T
    assert list(distances.argmin(axis=1)) == [0, 1, 2]
    assert all(distances[place, place] < 0.575 for place in range(3))
