"""Sightings: compared, written down, marked; refused where a piece is missing; forgotten."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.attendance.models import Policy
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.bulk_undo import last_bulk
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.models import StoredImage
from apps.biometrics.services import images_purge
from apps.cameras.models import Camera, CameraEvent, CameraSystemEvent, UnknownPerson
from apps.cameras.reading import FaceSighting
from apps.cameras.services import sightings
from apps.cameras.services.events import log_face_event, log_system_event
from apps.cameras.services.forgetting import sightings_expire
from apps.cameras.services.marking import camera_marks_undo
from apps.cameras.services.sightings import sightings_record
from apps.common.errors import NotFound, Refused
from apps.privacy.models import Consent
from apps.privacy.registry import person_files, person_rows
from apps.privacy.selectors import person_of, wording_of
from apps.privacy.services import consent_withdraw, search_permission_withdraw
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from tests.biometrics.support import give_consent, plain_jpeg
from tests.cameras.support import (
    NOTICE,
    OTHER_STRANGER,
    STRANGER,
    enrol_made_up,
    make_camera,
    permit_cameras,
    register,
    see,
    vector,
)
from tests.factories import Cast

pytestmark = pytest.mark.usefixtures("engine")

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def enrolled(lesson: ClassSession, in_campus: Cast, now: datetime) -> Cast:
    """The student is person 0, the classmate person 1."""
    enrol_made_up([in_campus.student, in_campus.classmate], now)
    return in_campus


@pytest.fixture
def at(now: datetime) -> datetime:
    return now + MINUTE


class TestMarks:
    def test_who_is_seen_is_marked_once_and_nobody_is_absent(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, at: datetime
    ) -> None:
        assert see(camera, at, vector(0, away=0.2), vector(STRANGER)) == ["recognized", "unknown"]
        assert register(lesson) == {enrolled.student.code: ("present", "camera")}
        assert see(camera, at + 4 * SECOND, vector(0)) == ["repeated"]
        assert see(camera, at + 5 * SECOND, vector(0)) == ["recognized"]
        events = CameraEvent.objects.filter(event_type="recognized").order_by("at")
        assert [event.bulk_id is not None for event in events] == [True, False]
        assert [event.confidence for event in events] == [0.83, 1.0]
        assert events[0].session == lesson

    def test_a_camera_names_nobody_by_a_likeness_that_suffices_for_a_selfie(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, at: datetime
    ) -> None:
        """It compares all day, so its limit is that of a whole campus: 0.475 instead of 0.575."""
        assert see(camera, at, vector(0, away=0.5)) == ["doubtful"]
        assert register(lesson) == {}
        assert see(camera, at, vector(0, away=0.45)) == ["recognized"]

    def test_late_is_late_and_before_the_opening_counts_for_nothing(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, now: datetime, at: datetime
    ) -> None:
        assert see(camera, now - MINUTE, vector(0)) == ["recognized"]
        assert register(lesson) == {}
        see(camera, now + 11 * MINUTE, vector(1))
        assert register(lesson) == {enrolled.classmate.code: ("late", "camera")}

    def test_a_person_s_mark_stands(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, at: datetime
    ) -> None:
        record_mark(
            session=lesson,
            student_id=enrolled.student.pk,
            status="absent",
            reason="",
            now=at,
            actor=SYSTEM,
        )
        see(camera, at, vector(0))
        assert register(lesson) == {enrolled.student.code: ("absent", "manual")}

    def test_what_a_device_says_keeps_nobody_from_being_marked(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, at: datetime
    ) -> None:
        log_face_event("recognized", at=at, camera=camera, student=enrolled.student, key="1")
        assert see(camera, at, vector(0)) == ["recognized"]
        assert register(lesson) == {enrolled.student.code: ("present", "camera")}

    def test_a_lecturer_takes_marks_back_and_no_camera_makes_them_again(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, at: datetime
    ) -> None:
        see(camera, at, vector(0))
        with pytest.raises(NotFound):  # the undo of marks by hand leaves it alone
            last_bulk(session=lesson)
        mark = MarkInput(student_id=enrolled.classmate.pk, status="present", was="")
        mine = records_mark_bulk(session=lesson, marks=[mark], nonce="n", now=at, actor=SYSTEM)
        assert last_bulk(session=lesson) == mine
        assert camera_marks_undo(session=lesson, now=at, actor=SYSTEM) == 1
        assert register(lesson) == {enrolled.classmate.code: ("present", "manual")}
        assert see(camera, at + MINUTE, vector(0)) == ["recognized"]
        assert register(lesson) == {enrolled.classmate.code: ("present", "manual")}
        assert camera_marks_undo(session=lesson, now=at, actor=SYSTEM) == 0

    def test_only_of_the_room_and_only_while_it_is_open(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, now: datetime, at: datetime
    ) -> None:
        elsewhere, _key = make_camera(None, now, name="Gate")
        with pytest.raises(Refused, match="No session") as refused:
            see(elsewhere, at, vector(0))
        assert refused.value.code == "no_session"
        register_close(session=lesson, now=at, actor=SYSTEM)
        with pytest.raises(Refused) as refused:
            see(camera, at, vector(0))
        assert refused.value.code == "no_session"

    def test_the_policy_decides(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, now: datetime, at: datetime
    ) -> None:
        Policy.objects.create(version=2, cameras=False, created_at=now)
        with pytest.raises(Refused) as refused:
            see(camera, at, vector(0))
        assert refused.value.code == "no_session"
        assert not CameraEvent.objects.exists()

    def test_statements_do_not_grow_with_faces(
        self, enrolled: Cast, camera: Camera, at: datetime
    ) -> None:
        Camera.objects.update(keeps_snapshots=False)
        see(camera, at, vector(0), vector(1))
        counts = []
        few, more = [vector(0), vector(STRANGER)], [vector(1), vector(OTHER_STRANGER)]
        for place, faces in enumerate((few, few + more), start=1):
            with CaptureQueriesContext(connection) as asked:
                see(camera, at + place * MINUTE, *faces)
            counts.append(len(asked))
        assert counts[0] == counts[1]
        assert counts[0] <= 30


class TestPermission:
    @pytest.mark.parametrize(
        ("missing", "code"),
        [
            ({"cameras": False}, "search_not_by_cameras"),
            ({"camera_notice": " "}, "search_without_camera_notice"),
            ({"purpose": ""}, "search_without_purpose"),
            ({"legal_basis": ""}, "search_without_legal_basis"),
            ({"assessed_on": None}, "search_without_assessment"),
            ({"assessment_owner": ""}, "search_without_owner"),
            ({"alternative": ""}, "search_without_alternative"),
            ({"reviewers": ""}, "search_without_reviewers"),
            ({"retention_days": None}, "search_without_retention"),
        ],
    )
    def test_each_missing_piece_has_its_own_code(
        self, camera: Camera, now: datetime, missing: dict[str, object], code: str
    ) -> None:
        permit_cameras(now, **missing)
        with pytest.raises(Refused) as refused:
            see(camera, now, vector(0))
        assert (refused.value.code, refused.value.status) == (code, 403)
        assert not CameraEvent.objects.exists()

    def test_off_are_the_camera_the_faces_and_what_was_withdrawn(
        self, camera: Camera, now: datetime
    ) -> None:
        search_permission_withdraw(now=now, actor=SYSTEM)
        codes = []
        for change in (
            lambda: None,
            lambda: Campus.objects.update(face_enabled=False),
            lambda: Camera.objects.update(is_active=False),
        ):
            change()
            with pytest.raises(Refused) as refused:
                see(camera, now, vector(0))
            codes.append(refused.value.code)
        assert codes == ["search_withdrawn", "face_disabled", "camera_off"]

    def test_cameras_are_part_of_what_is_agreed_to(
        self, enrolled: Cast, camera: Camera, now: datetime, at: datetime
    ) -> None:
        text = str(wording_of(kind=Consent.Kind.FACE).text)
        assert f"Cameras in rooms do so too, by themselves: {NOTICE}" in text
        permission = permit_cameras(now, camera_notice="Another one.")
        assert permission.asked_anew == permission.version
        assert see(camera, at, vector(0)) == ["unknown"]  # until the student agrees to that

    def test_a_campus_is_searched_where_the_permission_covers_it(
        self, enrolled: Cast, lesson: ClassSession, now: datetime, at: datetime
    ) -> None:
        permit_cameras(now, covers="campus")
        give_consent(enrolled.student, now)  # to the text that names it
        gate, _key = make_camera(None, now, name="Gate")
        assert see(gate, at, vector(0), vector(STRANGER)) == ["recognized", "unknown"]
        event = CameraEvent.objects.get(event_type="recognized")
        assert (event.student, event.session, event.confidence) == (enrolled.student, None, 1.0)
        assert register(lesson) == {}


class TestEvents:
    def test_confidence_and_type_are_bounded_by_the_database(
        self, camera: Camera, now: datetime
    ) -> None:
        wrong: list[dict[str, object]] = [
            {"confidence": -0.1},
            {"confidence": 1.1},
            {"event_type": "seen"},
            {"event_type": "recognized"},  # nobody named
        ]
        for values in wrong:
            with pytest.raises(IntegrityError), transaction.atomic():
                CameraEvent.objects.create(
                    camera=camera, at=now, **{"event_type": "unknown", **values}
                )

    def test_logging_never_raises(
        self, enrolled: Cast, camera: Camera, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        student = enrolled.student
        for more in ({"student": student, "confidence": 0.95}, {"student": student}):
            assert log_face_event("recognized", at=now, camera=camera, **more) is not None
        assert log_face_event("unknown", at=now, camera=camera) is not None
        assert log_face_event("auto_register", at=now, camera=camera) is not None
        assert log_system_event("system_start", at=now) is not None
        assert log_face_event("unknown", at=now, camera=camera, confidence=2.0) is None
        assert log_system_event("coffee", at=now, camera=camera) is None
        for model in (CameraEvent, CameraSystemEvent):
            monkeypatch.setattr(model.objects, "create", lambda **_values: 1 / 0)
        assert log_face_event("unknown", at=now, camera=camera) is None
        assert log_system_event("error", at=now, camera=camera) is None
        assert CameraEvent.objects.count() == 4

    def test_a_crowd_of_strangers_fills_no_table(
        self, camera: Camera, at: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sightings, "MOST_UNKNOWN", 3)
        for second in range(3):
            answers = see(camera, at + second * SECOND, vector(STRANGER), vector(OTHER_STRANGER))
            assert answers == ["unknown", "unknown"]
        assert CameraEvent.objects.count() == 3

    def test_a_storage_that_is_away_costs_the_picture_alone(
        self,
        enrolled: Cast,
        lesson: ClassSession,
        camera: Camera,
        at: datetime,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def away(**_kwargs: object) -> None:
            raise OSError

        monkeypatch.setattr("apps.biometrics.services.images.write_image", away)
        assert see(camera, at, vector(0)) == ["recognized"]
        assert register(lesson) == {enrolled.student.code: ("present", "camera")}
        assert CameraEvent.objects.get().image is None


class TestForgetting:
    def test_pictures_lie_by_day_and_person_once_and_sealed(
        self, enrolled: Cast, camera: Camera, at: datetime, media: Path
    ) -> None:
        see(camera, at, vector(0))
        see(camera, at + MINUTE, vector(0))
        [image] = StoredImage.objects.filter(key__startswith="snapshots/")
        day = f"{at:%Y/%m/%d}"
        who = f"user_{enrolled.student.pk}"
        assert image.key == f"snapshots/{day}/{image.campus_id}/{who}/{image.sha256}.bin"
        assert CameraEvent.objects.filter(image=image).count() == 2
        assert b"JFIF" not in (media / image.key).read_bytes()
        assert image.delete_after == at + MINUTE + timedelta(days=7)

    def test_after_its_days_a_picture_goes_and_the_sighting_with_it(
        self, enrolled: Cast, camera: Camera, at: datetime, media: Path
    ) -> None:
        """Seven days by the permission: 30 at most, by its constraint."""
        see(camera, at, vector(0))
        [image] = StoredImage.objects.filter(key__startswith="snapshots/")
        assert images_purge(now=at + timedelta(days=6)) == 0
        assert images_purge(now=at + timedelta(days=7)) == 1
        assert CameraEvent.objects.get().image is None
        assert not (media / image.key).exists()
        assert sightings_expire(now=at + timedelta(days=6)) == 0
        assert sightings_expire(now=at + timedelta(days=8)) == 1
        assert not CameraEvent.objects.exists()

    def test_a_withdrawn_consent_takes_sightings_along_and_leaves_marks(
        self, enrolled: Cast, lesson: ClassSession, camera: Camera, at: datetime
    ) -> None:
        see(camera, at, vector(0), vector(1, away=0.1), colour="red")
        consent_withdraw(student=enrolled.student, kind="face", now=at, actor=SYSTEM)
        left = CameraEvent.objects.values_list("student", flat=True)
        assert list(left) == [enrolled.classmate.pk]
        assert len(register(lesson)) == 2

    def test_a_person_s_rows_are_theirs(self, enrolled: Cast, camera: Camera, at: datetime) -> None:
        see(camera, at, vector(0))
        person = person_of(student=enrolled.student)
        [rows] = [rows for rows in person_rows() if rows.model is CameraEvent]
        assert CameraEvent.objects.filter(rows.rows(person)).count() == 1

    def test_a_person_is_given_the_pictures_too(
        self, enrolled: Cast, camera: Camera, at: datetime
    ) -> None:
        see(camera, at, vector(0))
        see(camera, at + MINUTE, vector(0))
        see(camera, at + MINUTE, vector(1), colour="red")
        person = person_of(student=enrolled.student)
        [(name, picture)] = [
            file for files in person_files() for file in files(person=person) if "sight" in file[0]
        ]
        assert name.startswith(f"sightings/{at:%Y-%m-%d}-")
        assert picture() == plain_jpeg("grey")

    def test_organizing_moves_what_lies_wrong_and_nothing_twice(
        self,
        enrolled: Cast,
        camera: Camera,
        at: datetime,
        media: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        see(camera, at, vector(0))
        CameraEvent.objects.update(student=enrolled.classmate)
        [before] = StoredImage.objects.filter(key__contains="/user_").values_list("key", flat=True)
        for words in ("0 in place, 1 moved", "1 in place, 0 moved"):
            call_command("organize_snapshots", campus="north")
            assert words in capsys.readouterr().out
        [image] = StoredImage.objects.filter(key__contains="/user_")
        assert f"/user_{enrolled.classmate.pk}/" in image.key
        assert (media / image.key).exists()
        assert not (media / before).exists()


def test_the_audit_log_says_who_searched_without_names(
    enrolled: Cast, camera: Camera, at: datetime
) -> None:
    see(camera, at, vector(0), vector(STRANGER), vector(OTHER_STRANGER))
    [entry] = Entry.objects.filter(action="biometrics.search.roster")
    assert entry.actor_label == "camera: Door"
    assert entry.data["known"] == 1
    assert "unknown" in entry.data
    assert not UnknownPerson.objects.exists()  # the camera keeps none


def test_a_frame_without_faces_says_that_the_camera_works(camera: Camera, at: datetime) -> None:
    faces: list[FaceSighting] = []
    assert sightings_record(camera=camera, faces=faces, at=at, now=at) == []
    assert Camera.objects.get().heard_at == at
