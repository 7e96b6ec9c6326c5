"""Devices with a key of their own, the worker that looks at their pictures, and the office."""

import base64
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from apps.attendance.models import AttendanceRecord
from apps.attendance.services.register import register_open
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.engines import Pixels
from apps.biometrics.models import StoredImage, TemplateKey
from apps.biometrics.services import images_purge
from apps.biometrics.services.registry import add_engine
from apps.cameras import tasks, worker
from apps.cameras.models import Camera, CameraEvent, CameraFrame, UnknownPerson
from apps.cameras.reading import FaceSighting
from apps.cameras.selectors import UNKNOWN_SEAL
from apps.cameras.services import frames, snapshots
from apps.cameras.services.frames import MAX_STARTS, MOST_OF_CAMPUS, MOST_WAITING
from apps.cameras.services.sightings import sightings_record
from apps.common.crypto import unseal
from apps.ops.logos import logo_png, logo_read, logo_set
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.storage import save_whole
from tests.admin.support import client_of as admin_of
from tests.api.support import client_of
from tests.biometrics.support import enrol, make_model, plain_jpeg
from tests.cameras.support import (
    OTHER_STRANGER,
    STRANGER,
    allow_cameras,
    enrol_made_up,
    make_camera,
    permit_cameras,
    see,
    vector,
)
from tests.factories import Cast, make_session
from tests.portal.support import client_of as portal_of
from tests.portal.support import page_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "media")]

EVENTS, FRAMES = "/api/v1/cameras/events", "/api/v1/cameras/frames"


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    now = timezone.now()
    with campus_scope(cast.campus):
        allow_cameras(now)
        planned = make_session(cast.course, starts_at=now - timedelta(minutes=1))
        return register_open(
            session=planned, topic="Sets", now=now - timedelta(seconds=30), actor=SYSTEM
        )


@pytest.fixture
def camera(cast: Cast, lesson: ClassSession) -> Camera:
    with campus_scope(cast.campus):
        camera, camera.token = make_camera(lesson.classroom, timezone.now())  # type: ignore[attr-defined, misc]
    return camera


@pytest.fixture
def device(cast: Cast, camera: Any) -> APIClient:
    client = APIClient(HTTP_HOST="north.example")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {camera.token}")
    return client


def jpeg_of(pixels: Pixels) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def event(key: str, **changes: Any) -> dict[str, Any]:
    now = timezone.now().isoformat()
    return {"id": key, "at": now, "event_type": "unknown", **changes}


def send(device: APIClient, data: bytes, key: str = "1", **changes: Any) -> Any:
    values = {"id": key, "at": timezone.now().isoformat(), **changes}
    photo = SimpleUploadedFile("room.jpg", data)
    return device.post(FRAMES, {**values, "photo": photo}, format="multipart")


def look(cast: Cast, frame: CameraFrame) -> CameraFrame:
    headers = {"campus_id": cast.campus.pk}
    tasks.look_at_frame.apply((str(frame.pk),), headers=headers)
    with campus_scope(cast.campus):
        return CameraFrame.objects.get(pk=frame.pk)


class TestEvents:
    def test_are_kept_once_and_mark_nobody(self, device: APIClient, cast: Cast) -> None:
        with campus_scope(cast.campus):
            enrol_made_up([cast.student], timezone.now())
        named = {"event_type": "recognized", "student": cast.student.code, "confidence": 0.95}
        old = (timezone.now() - timedelta(hours=2)).isoformat()
        sent = [
            event("1", **named),
            event("2"),
            event("2"),
            event("3", event_type="recognized", student=cast.classmate.code),
            event("4", event_type="recognized", student="nobody"),
            event("5", at=old),
        ]
        answer = device.post(EVENTS, {"events": sent}, format="json")
        results = [(row["result"], row["reason"]) for row in answer.json()["results"]]
        refused = ("refused", "student_not_searched")
        assert results == [
            ("kept", ""),
            ("kept", ""),
            ("known", ""),
            refused,
            refused,
            ("refused", "too_late"),
        ]
        with campus_scope(cast.campus):
            assert CameraEvent.objects.count() == 2
            assert CameraEvent.objects.get(key="1").confidence == 0.95
            assert not AttendanceRecord.objects.exists()

    def test_what_was_refused_is_not_known_and_there_is_a_bound(
        self, device: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(frames, "MOST_EVENTS", 3)
        wrong = event("1", event_type="recognized", student="nobody")
        answer = device.post(EVENTS, {"events": [wrong, event("1")]}, format="json")
        assert [row["result"] for row in answer.json()["results"]] == ["refused", "kept"]
        assert device.post(EVENTS, {"events": [event("2")]}, format="json").status_code == 200
        many = device.post(EVENTS, {"events": [event("3"), event("4")]}, format="json")
        assert code_of(many) == (429, "too_many_events")
        assert device.post(EVENTS, {"events": [event("3")]}, format="json").status_code == 200

    def test_what_is_wrong_is_said(self, device: APIClient) -> None:
        for sent in (
            {"events": [event("1", confidence=1.1)]},
            {"events": [event("1", event_type="seen")]},
            {"events": [event("1", event_type="recognized")]},
            {"events": [event("1", at="noon")]},
            {"events": [event("1", mood="good")]},
            {"events": [event("1")] * 101},
            {"events": 7},
            {},
        ):
            assert device.post(EVENTS, sent, format="json").status_code == 400, sent


class TestKeys:
    def test_another_key_lets_nobody_in(self, device: APIClient, cast: Cast) -> None:
        for wrong in ("camera_0", f"camera_{'0' * 12}_{'x' * 43}", "terminal_0", ""):
            device.credentials(HTTP_AUTHORIZATION=f"Bearer {wrong}")
            assert device.post(EVENTS, {"events": []}, format="json").status_code == 401

    def test_a_camera_that_is_switched_off_is_not_let_in(
        self, device: APIClient, cast: Cast
    ) -> None:
        with campus_scope(cast.campus):
            Camera.objects.update(is_active=False)
        assert code_of(device.post(EVENTS, {"events": []}, format="json")) == (
            401,
            "invalid_camera",
        )

    def test_a_missing_piece_of_the_permission_is_named(
        self, device: APIClient, cast: Cast
    ) -> None:
        with campus_scope(cast.campus):
            permit_cameras(timezone.now(), cameras=False)
        expected = (403, "search_not_by_cameras")
        assert code_of(device.post(EVENTS, {"events": []}, format="json")) == expected
        assert code_of(send(device, plain_jpeg())) == expected


class TestFrames:
    def test_a_picture_of_a_student_marks_and_goes(
        self, device: APIClient, cast: Cast, lesson: ClassSession, astronaut: Pixels
    ) -> None:
        with campus_scope(cast.campus):
            assert enrol(cast.student, jpeg_of(astronaut), timezone.now()).status == "accepted"
        picture = np.ascontiguousarray(astronaut[:, :-8])  # another one than the sample
        answer = send(device, jpeg_of(picture))
        assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
        with campus_scope(cast.campus):
            [frame] = CameraFrame.objects.all()
        done = look(cast, frame)
        assert (done.status, done.seen, done.image_id) == ("done", 1, None)
        with campus_scope(cast.campus):
            record = AttendanceRecord.objects.get(session=lesson)
            assert (record.student, record.source) == (cast.student, "camera")
            gone = StoredImage.objects.get(pk=frame.image_id)
            assert gone.delete_after is not None
            assert gone.delete_after <= timezone.now()
        again = send(device, plain_jpeg())
        assert again.json() == {"id": "1", "status": "done", "problem": "", "faces": 1}

    def test_the_bytes_of_the_logo_do_not_take_it_away(self, device: APIClient, cast: Cast) -> None:
        logo, now = logo_png(data=plain_jpeg("blue")), timezone.now()
        with campus_scope(cast.campus):
            logo_set(png=logo, now=now, actor=SYSTEM)
        send(device, logo)
        with campus_scope(cast.campus):
            [frame] = CameraFrame.objects.all()
        assert look(cast, frame).status == "done"
        with campus_scope(cast.campus):
            images_purge(now=now + timedelta(days=40))
            campus = Campus.objects.get(pk=cast.campus.pk)
            assert logo_read(campus=campus, sha256=campus.logo) == logo

    def test_as_base64_too(self, device: APIClient, cast: Cast) -> None:
        body = {
            "id": "1",
            "at": timezone.now().isoformat(),
            "photo": base64.b64encode(plain_jpeg()).decode(),
        }
        assert device.post(FRAMES, body, format="json").status_code == 202
        with campus_scope(cast.campus):
            [frame] = CameraFrame.objects.all()
        assert (look(cast, frame).status, frame.seen) == ("done", 0)

    def test_what_is_wrong_is_said(self, device: APIClient, cast: Cast) -> None:
        assert code_of(send(device, b"no image")) == (400, "not_an_image")
        assert code_of(send(device, b"GIF89a" + bytes(20))) == (400, "unsupported_format")
        ahead = (timezone.now() + timedelta(minutes=5)).isoformat()
        assert code_of(send(device, plain_jpeg(), at=ahead)) == (400, "clock_ahead")
        old = (timezone.now() - timedelta(hours=2)).isoformat()
        assert code_of(send(device, plain_jpeg(), at=old)) == (400, "too_late")
        now = timezone.now()
        with campus_scope(cast.campus):
            camera = Camera.objects.get()
            CameraFrame.objects.bulk_create(
                CameraFrame(camera=camera, key=f"w{n}", at=now, received_at=now)
                for n in range(MOST_WAITING)
            )
        assert code_of(send(device, plain_jpeg())) == (429, "too_many_frames")

    def test_many_cameras_of_a_campus_send_no_more_than_a_few(
        self, device: APIClient, cast: Cast
    ) -> None:
        """Check-ins of all campuses wait for the same workers."""
        now = timezone.now()
        with campus_scope(cast.campus):
            room = Camera.objects.get().classroom
            for number in range(3):
                camera = Camera.objects.create(
                    name=f"C{number}", classroom=room, lookup=f"{number}" * 12
                )
                CameraFrame.objects.bulk_create(
                    CameraFrame(camera=camera, key=f"w{n}", at=now, received_at=now)
                    for n in range(MOST_OF_CAMPUS // 3)
                )
        assert send(device, plain_jpeg(), key="last").status_code == 202
        assert code_of(send(device, plain_jpeg(), key="more")) == (429, "too_many_frames")

    def test_a_cut_off_picture_and_an_engine_that_fails_end_in_words(
        self,
        device: APIClient,
        cast: Cast,
        astronaut: Pixels,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        send(device, jpeg_of(astronaut)[:9000], "1")
        send(device, plain_jpeg("red"), "2")
        with campus_scope(cast.campus):
            cut, other = CameraFrame.objects.order_by("key")
        assert (look(cast, cut).problem, look(cast, cut).status) == ("image_damaged", "failed")

        def broken(data: bytes, *, snapshots: bool) -> None:
            raise RuntimeError

        monkeypatch.setattr(worker, "sightings_in", broken)
        assert look(cast, other).problem == "failed"

    def test_one_that_the_old_model_looked_at_waits_for_the_new_one(
        self, device: APIClient, cast: Cast
    ) -> None:
        send(device, plain_jpeg())
        now = timezone.now()
        with campus_scope(cast.campus):
            enrol_made_up([cast.student], now)
            [frame] = CameraFrame.objects.all()
            other = make_model(now=now, dimension=128)
            seen = [FaceSighting(vector=vector(0), model=other)]
            assert frames.frame_seen(frame=frame, faces=seen, now=now) is False
        assert (look(cast, frame).status, frame.problem) == ("done", "")

    def test_a_storage_that_is_away_is_asked_again_and_not_for_ever(
        self, device: APIClient, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(**_kwargs: object) -> None:
            raise OSError

        send(device, plain_jpeg())
        with campus_scope(cast.campus):
            [frame] = CameraFrame.objects.all()
        monkeypatch.setattr(tasks, "frame_read", away)
        for _start in range(MAX_STARTS):
            assert look(cast, frame).status == "waiting"
        assert look(cast, frame).problem == "worker_lost"


class TestUndo:
    def test_the_lecturer_takes_back_what_cameras_marked(
        self, cast: Cast, lesson: ClassSession, camera: Camera
    ) -> None:
        with campus_scope(cast.campus):
            enrol_made_up([cast.student], timezone.now())
            see(camera, timezone.now(), vector(0))
            assert AttendanceRecord.objects.count() == 1
        app = client_of(cast, cast.lecturer.user)
        answer = app.post(f"/api/v1/sessions/{lesson.pk}/camera-marks/undo")
        assert (answer.status_code, answer.json()) == (200, {"undone": 1})
        with campus_scope(cast.campus):
            assert not AttendanceRecord.objects.exists()

    def test_the_page_of_changes_has_a_button_for_it(
        self, cast: Cast, lesson: ClassSession, camera: Camera
    ) -> None:
        lecturer = portal_of(cast, cast.lecturer.user)
        history, undo = page_of(lesson, "history"), page_of(lesson, "undo-cameras")
        assert undo not in lecturer.get(history).content.decode()
        with campus_scope(cast.campus):
            enrol_made_up([cast.student], timezone.now())
            see(camera, timezone.now(), vector(0))
            ClassSession.objects.update(status=ClassSession.Status.CANCELLED)
        assert "Cameras marked 1 student." in lecturer.get(history).content.decode()
        refused = lecturer.post(undo, follow=True).content.decode()
        assert "This session is not open." in refused
        with campus_scope(cast.campus):
            ClassSession.objects.update(status=ClassSession.Status.OPEN)
        done = lecturer.post(undo, follow=True).content.decode()
        assert "1 mark restored." in done
        assert undo not in done
        with campus_scope(cast.campus):
            assert not AttendanceRecord.objects.exists()


class TestOffice:
    @pytest.fixture
    def office(self, cast: Cast) -> Client:
        return admin_of(cast, cast.admin)

    def page(self, model: str, *args: Any, name: str = "changelist") -> str:
        return reverse(f"admin:cameras_{model}_{name}", args=args)

    def test_a_key_is_shown_once_and_replaced(
        self, office: Client, cast: Cast, lesson: ClassSession
    ) -> None:
        values = {
            "name": "Hall",
            "classroom": lesson.classroom_id,
            "every": 5,
            "known_seconds": 5,
            "unknown_seconds": 15,
            "is_active": "on",
        }
        answer = office.post(self.page("camera", name="add"), values)
        assert "camera_" in answer.content.decode()
        assert "no-store" in answer.headers["Cache-Control"]
        with campus_scope(cast.campus):
            camera = Camera.objects.get(name="Hall")
        acted = {"action": "replace_key", "_selected_action": [camera.pk]}
        shown = office.post(self.page("camera"), acted).content.decode()
        assert f"camera_{camera.lookup}" not in shown
        assert "camera_" in shown
        wrong = office.post(self.page("camera", name="add"), {**values, "auto_register": "on"})
        assert "Only unknown people who are kept can be proposed." in wrong.content.decode()

    def test_the_gallery_names_merges_splits_and_dismisses(
        self, office: Client, cast: Cast, camera: Camera
    ) -> None:
        now = timezone.now()
        with campus_scope(cast.campus):
            Camera.objects.update(keeps_unknown=True)
            for second, number in ((0, STRANGER), (20, STRANGER), (40, OTHER_STRANGER)):
                see(camera, now + timedelta(seconds=second), vector(number))
            first, second = UnknownPerson.objects.order_by("pk")
        listed = office.get(self.page("unknownperson")).content.decode()
        assert f"/biometrics/storedimage/{first.image_id}/look/" in listed
        assert "<img" not in listed.partition("result_list")[2]
        both = {"action": "merge", "_selected_action": [first.pk, second.pk]}
        office.post(self.page("unknownperson"), both)
        with campus_scope(cast.campus):
            [merged] = UnknownPerson.objects.all()
            assert merged.seen_count == 3
            sightings = list(merged.events.order_by("at").values_list("pk", flat=True))
        some = {"action": "split", "_selected_action": [str(sightings[2])]}
        office.post(self.page("cameraevent"), some)
        with campus_scope(cast.campus):
            assert UnknownPerson.objects.count() == 2
            split = UnknownPerson.objects.exclude(pk=merged.pk).get()
        office.post(
            self.page("unknownperson"), {"action": "dismiss", "_selected_action": [split.pk]}
        )
        change = self.page("unknownperson", merged.pk, name="change")
        office.post(change, {"student": cast.student.pk})
        with campus_scope(cast.campus):
            named = UnknownPerson.objects.get(pk=merged.pk)
            assert (named.status, named.student) == ("named", cast.student)
            assert UnknownPerson.objects.get(pk=split.pk).status == "dismissed"
            done = set(Entry.objects.values_list("action", flat=True))
        decisions = ("named", "merged", "split", "dismissed")
        assert {f"cameras.unknown.{what}" for what in decisions} <= done
        assert office.post(change, {"student": cast.classmate.pk}).status_code in (302, 403)
        with campus_scope(cast.campus):
            assert UnknownPerson.objects.get(pk=merged.pk).student == cast.student

    def test_a_split_is_learned_again_by_a_worker(
        self,
        cast: Cast,
        camera: Camera,
        astronaut: Pixels,
        second: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Also where the task was lost, and by the model that the campus has by then."""
        now = timezone.now()
        with campus_scope(cast.campus):
            Camera.objects.update(keeps_unknown=True)
            faces = worker.sightings_in(jpeg_of(astronaut), snapshots=True)
            sightings_record(camera=camera, faces=faces, at=now, now=now)
            UnknownPerson.objects.update(sealed_vector=None)
            TemplateKey.objects.update_or_create(
                defaults={"model": add_engine(name=second, now=now), "issued_at": now}
            )
        asked: list[Any] = []
        monkeypatch.setattr(tasks, "enqueue", asked.append)
        tasks.tidy_sightings()
        assert asked == [tasks.relearn_unknown]
        tasks.relearn_unknown.apply(headers={"campus_id": cast.campus.pk})
        with campus_scope(cast.campus):
            person = UnknownPerson.objects.select_related("model").get()
            assert person.model is not None
            assert person.model.name == second
            plain = unseal(UNKNOWN_SEAL, cast.campus.pk, bytes(person.sealed_vector or b""))
            assert len(plain) == 4 * person.model.dimension
        tasks.tidy_sightings()
        assert len(asked) == 1


class TestTidying:
    def test_samples_that_fail_keep_nothing_back(
        self, cast: Cast, camera: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(**_values: object) -> int:
            raise RuntimeError

        monkeypatch.setattr(tasks, "samples_after_consent", broken)
        long_ago = timezone.now() - timedelta(days=31)
        with campus_scope(cast.campus):
            CameraEvent.objects.create(camera=camera, at=long_ago, event_type="unknown")
        assert tasks.tidy_sightings() == 1
        with campus_scope(cast.campus):
            assert not CameraEvent.objects.exists()

    def test_an_object_goes_only_when_its_row_has_committed_that_it_lies_elsewhere(
        self, cast: Cast, camera: Camera, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = timezone.now()
        with campus_scope(cast.campus):
            enrol_made_up([cast.student, cast.classmate], now)
            see(camera, now, vector(0), colour="red")
            see(camera, now, vector(1), colour="blue")
            CameraEvent.objects.update(student=cast.stranger)
        saved: list[str] = []

        def crashes(key: str, sealed: bytes) -> str:
            saved.append(key)
            if len(saved) == 2:
                raise RuntimeError  # as when the process is killed
            return save_whole(key, sealed)

        monkeypatch.setattr(snapshots, "save_whole", crashes)
        with pytest.raises(RuntimeError):
            call_command("organize_snapshots", campus="north")
        with campus_scope(cast.campus):
            keys = StoredImage.objects.filter(key__contains="/user_").values_list("key", flat=True)
            assert len(keys) == 2
            assert all((media / key).exists() for key in keys)
