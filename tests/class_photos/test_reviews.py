"""Photos of a class: whom they show, what the lecturer confirms, and that they go."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.attendance.models import AttendanceRecord, Policy, RecordSource, Status
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.images import ImageRefused
from apps.biometrics.models import StoredImage
from apps.biometrics.services import images_purge
from apps.class_photos.models import ClassPhoto, FaceMeaning, PhotoFace, PhotoReview
from apps.class_photos.selectors import faces_of, open_review, review_shown
from apps.class_photos.services.confirming import review_confirm, review_undo
from apps.class_photos.services.looking import (
    MAX_STARTS,
    photo_claim,
    photo_fail,
    photo_read,
    photo_seen,
    photos_give_up,
)
from apps.class_photos.services.reviews import (
    MOST_PHOTOS,
    photo_add,
    photo_open,
    review_finish,
    reviews_expire,
)
from apps.common.errors import Refused
from apps.privacy.models import Consent, PrivacyRules
from apps.privacy.registry import person_rows
from apps.privacy.selectors import person_of
from apps.privacy.services import consent_withdraw, search_permission_withdraw
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id
from tests.biometrics.support import plain_jpeg
from tests.class_photos.support import STRANGER, add, enrol_made_up, found, seen, vector
from tests.factories import Cast, enroll, make_student
from tests.privacy.permission import permit_search

pytestmark = pytest.mark.usefixtures("engine")

NONCE = "n" * 16


@pytest.fixture
def hall(lesson: ClassSession, in_campus: Cast, now: datetime) -> ClassSession:
    """Person 0 is `student`, 1 `classmate`, 2 `representative`."""
    enrol_made_up([in_campus.student, in_campus.classmate, in_campus.representative], now)
    return lesson


def meanings(session: ClassSession) -> list[tuple[str, int | None]]:
    review = open_review(session)
    assert review is not None
    return [(face.meaning, face.student_id) for face in faces_of(review)]


def marks(session: ClassSession) -> dict[str, tuple[str, str]]:
    rows = AttendanceRecord.objects.filter(session=session).select_related("student")
    return {row.student.code: (row.status, row.source) for row in rows}


def confirm(session: ClassSession, now: datetime, nonce: str = NONCE, **more: object) -> object:
    return review_confirm(session=session, nonce=nonce, now=now, actor=SYSTEM, **more)  # type: ignore[arg-type]


def code_of(refused: pytest.ExceptionInfo[Refused]) -> tuple[str, int]:
    return refused.value.code, refused.value.status


class TestFinding:
    def test_faces_are_known_doubtful_or_unknown(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        between = (vector(1) + vector(2)) / 2**0.5
        found(hall, now, vector(0, away=0.3), between, vector(STRANGER))
        assert meanings(hall) == [
            (FaceMeaning.KNOWN, in_campus.student.pk),
            (FaceMeaning.DOUBTFUL, None),
            (FaceMeaning.UNKNOWN, None),
        ]
        known, doubtful, unknown = PhotoFace.objects.order_by("number")
        assert known.confidence == pytest.approx(1 - 0.3 / (2 * 0.575), abs=0.01)
        near = {each["student"] for each in doubtful.candidates}
        assert near == {in_campus.classmate.pk, in_campus.representative.pk}
        assert (unknown.candidates, unknown.confidence) == ([], None)

    def test_a_face_that_is_not_clear_is_doubtful_whoever_it_is_like(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(0), unclear=[0])
        assert meanings(hall) == [(FaceMeaning.DOUBTFUL, None)]
        [face] = PhotoFace.objects.all()
        assert [each["student"] for each in face.candidates] == [in_campus.student.pk]

    def test_of_two_faces_of_one_student_the_better_is_proposed(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(0, away=0.4), vector(0, away=0.1))
        assert meanings(hall) == [
            (FaceMeaning.DOUBTFUL, None),
            (FaceMeaning.KNOWN, in_campus.student.pk),
        ]

    def test_a_student_in_two_photos_is_one_proposal(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(0, away=0.4), vector(1), colour="red")
        found(hall, now, vector(0, away=0.1), colour="blue")
        assert meanings(hall) == [
            (FaceMeaning.AGAIN, in_campus.student.pk),
            (FaceMeaning.KNOWN, in_campus.classmate.pk),
            (FaceMeaning.KNOWN, in_campus.student.pk),
        ]

    def test_who_is_not_in_the_register_or_did_not_agree_is_unknown(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        enrol_made_up([make_student("ELSE")], now)  # person 0 as well, of no course
        consent_withdraw(student=in_campus.classmate, kind=Consent.Kind.FACE, now=now, actor=SYSTEM)
        found(hall, now, vector(1), vector(0))
        assert meanings(hall) == [
            (FaceMeaning.UNKNOWN, None),
            (FaceMeaning.KNOWN, in_campus.student.pk),
        ]

    def test_the_photo_becomes_a_small_copy_and_the_upload_goes(
        self, hall: ClassSession, media: Path, now: datetime
    ) -> None:
        photo = add(hall, now)
        uploaded = photo.image_id
        photo_seen(photo_id=photo.pk, seen=seen(), now=now)
        images_purge(now=now)
        photo.refresh_from_db()
        assert (photo.status, photo.width, photo.height) == ("done", 2000, 1500)
        assert not StoredImage.objects.filter(pk=uploaded).exists()
        assert meanings(hall) == []
        [kept] = (media / "snapshots").rglob("*.bin")
        assert not kept.read_bytes().startswith(b"\xff\xd8")  # sealed

    def test_the_log_says_who_searched_which_session_and_how_many(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(0), vector(STRANGER))
        entry = Entry.objects.get(action="class_photos.photo.searched")
        assert entry.data["session"] == hall.pk
        counts = {name: entry.data[name] for name in ("faces", "known", "unknown")}
        assert counts == {"faces": 2, "known": 1, "unknown": 1}
        assert Entry.objects.filter(action="biometrics.search.roster").count() == 1

    def test_a_worker_that_comes_twice_writes_once(self, hall: ClassSession, now: datetime) -> None:
        photo = found(hall, now, vector(0))
        photo_seen(photo_id=photo.pk, seen=seen(vector(1)), now=now)
        assert not photo_claim(photo_id=photo.pk, now=now)
        assert PhotoFace.objects.count() == 1

    def test_statements_do_not_grow_with_the_faces(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        many = [make_student(f"R{number:02}") for number in range(20)]
        for student in many:
            enroll(student, in_campus.course)
        counts = set()
        for colour, faces in (("red", 1), ("blue", 40)):
            photo = add(hall, now, colour)
            what = seen(*[vector(STRANGER)] * faces, colour=f"dark{colour}")
            with CaptureQueriesContext(connection) as captured:
                photo_seen(photo_id=photo.pk, seen=what, now=now)
            counts.add(len(captured))
        assert len(counts) == 1
        review = open_review(hall)
        assert review is not None
        with CaptureQueriesContext(connection) as captured:
            review_shown(review=review, now=now)
        assert len(captured) == STATEMENTS_OF_REVIEW


STATEMENTS_OF_REVIEW = 3


class TestConfirming:
    def test_all_known_are_marked_by_one_act_and_nobody_else(
        self, hall: ClassSession, now: datetime
    ) -> None:
        found(hall, now, vector(0), vector(1), vector(STRANGER))
        confirm(hall, now, known=True)
        assert marks(hall) == {
            "STUD": ("present", RecordSource.PHOTO),
            "MATE": ("present", RecordSource.PHOTO),
        }
        entry = Entry.objects.get(action="class_photos.faces.confirmed")
        assert len(entry.data["students"]) == 2

    def test_undo_restores_what_stood_before(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(0), vector(1))
        register_close(session=hall, now=now, actor=SYSTEM)
        hall.refresh_from_db()
        before = marks(hall)
        confirm(hall, now, known=True)
        assert marks(hall)["STUD"] == ("present", RecordSource.PHOTO)
        review_undo(session=hall, now=now, actor=SYSTEM)
        assert marks(hall) == before
        confirm(hall, now, nonce="again" * 4, known=True)
        assert marks(hall)["MATE"] == ("present", RecordSource.PHOTO)

    def test_the_same_nonce_gets_the_first_answer(self, hall: ClassSession, now: datetime) -> None:
        found(hall, now, vector(0))
        assert confirm(hall, now, known=True) == confirm(hall, now, known=True)
        with pytest.raises(Refused) as refused:
            confirm(hall, now, nonce="other" * 4, known=True)
        assert code_of(refused) == ("nothing_to_confirm", 409)

    def test_marks_of_check_ins_and_people_stand(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        by_hand = {in_campus.student: Status.ABSENT, in_campus.classmate: Status.LATE}
        for student, status in by_hand.items():
            record_mark(
                session=hall, student_id=student.pk, status=status, reason="", now=now, actor=SYSTEM
            )
        found(hall, now, vector(0), vector(1), vector(2))
        confirm(hall, now, known=True)
        assert {who: status for who, (status, _source) in marks(hall).items()} == {
            "STUD": "absent",
            "MATE": "late",
            "REPR": "present",
        }
        faces = {face.student_id: face.pk for face in PhotoFace.objects.all()}
        chosen = [(faces[who.pk], who.pk) for who in (in_campus.student, in_campus.classmate)]
        confirm(hall, now, nonce="chosen" * 3, chosen=chosen)
        assert marks(hall)["STUD"] == ("present", RecordSource.PHOTO)
        assert marks(hall)["MATE"] == ("late", RecordSource.MANUAL)

    def test_a_face_can_be_given_another_name(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(STRANGER), vector(0))
        stranger, known = PhotoFace.objects.order_by("number")
        confirm(hall, now, chosen=[(stranger.pk, in_campus.classmate.pk)])
        assert list(marks(hall)) == ["MATE"]
        with pytest.raises(Refused) as refused:
            confirm(hall, now, nonce="t" * 16, chosen=[(stranger.pk, 1), (known.pk, 1)])
        assert code_of(refused) == ("student_twice", 400)
        with pytest.raises(Refused) as refused:
            confirm(hall, now, nonce="u" * 16, chosen=[(10**9, in_campus.student.pk)])
        assert code_of(refused) == ("no_such_face", 400)
        bulk = confirm(hall, now, nonce="v" * 16, chosen=[(known.pk, in_campus.stranger.pk)])
        assert [row["code"] for row in bulk.results] == ["student_not_found"]  # type: ignore[attr-defined]
        assert list(marks(hall)) == ["MATE"]

    def test_who_was_confirmed_is_not_proposed_in_a_further_photo(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(0, away=0.4), colour="red")
        confirm(hall, now, known=True)
        found(hall, now, vector(0), colour="blue")
        assert [meaning for meaning, _student in meanings(hall)] == ["known", "again"]
        with pytest.raises(Refused):
            confirm(hall, now, nonce="w" * 16, known=True)


class TestPermission:
    def test_each_missing_piece_is_its_own_refusal(
        self, in_campus: Cast, lesson: ClassSession, now: datetime
    ) -> None:
        found(lesson, now)
        reasons = []
        for change in (
            lambda: permit_search(now, purpose=""),
            lambda: permit_search(now, retention_days=None),
            lambda: search_permission_withdraw(now=now, actor=SYSTEM),
            lambda: Campus.objects.filter(pk=current_campus_id()).update(face_enabled=False),
            lambda: Policy.objects.create(version=2, created_at=now),
        ):
            change()
            with pytest.raises(Refused) as refused:
                add(lesson, now, "blue")
            with pytest.raises(Refused) as confirming:
                confirm(lesson, now, known=True)
            with pytest.raises(Refused) as looking:
                photo_open(session=lesson, number=1, now=now, actor=SYSTEM)
            assert code_of(refused) == code_of(confirming) == code_of(looking)
            reasons.append(code_of(refused))
        assert reasons == [
            ("search_without_purpose", 403),
            ("search_without_retention", 403),
            ("search_withdrawn", 403),
            ("face_disabled", 403),
            ("class_photos_off", 403),
        ]

    def test_without_a_policy_that_allows_it_nothing_is_taken(
        self, in_campus: Cast, lesson: ClassSession
    ) -> None:
        assert not Policy().class_photos

    def test_what_was_switched_off_meanwhile_is_not_searched_and_goes(
        self, hall: ClassSession, media: Path, now: datetime
    ) -> None:
        photo = add(hall, now)
        search_permission_withdraw(now=now, actor=SYSTEM)
        photo_seen(photo_id=photo.pk, seen=seen(vector(0)), now=now)
        photo.refresh_from_db()
        assert (photo.status, photo.problem) == ("failed", "refused")
        assert reviews_expire(now=now) == 1
        images_purge(now=now)
        assert not list((media / "snapshots").rglob("*.bin"))

    def test_the_register_must_be_open_to_changes(
        self, lesson: ClassSession, now: datetime
    ) -> None:
        with pytest.raises(Refused) as refused:
            add(lesson, now + timedelta(days=30))
        assert refused.value.code == "edit_time_over"


class TestPhotos:
    def test_the_same_photo_is_one_and_five_are_enough(
        self, lesson: ClassSession, now: datetime
    ) -> None:
        first = add(lesson, now)
        assert add(lesson, now) == first
        for number in range(MOST_PHOTOS - 1):
            add(lesson, now, f"rgb({50 * number}, 90, 90)")
        with pytest.raises(Refused) as refused:
            add(lesson, now, "blue")
        assert code_of(refused) == ("too_many_photos", 409)
        assert [photo.number for photo in ClassPhoto.objects.all()] == [1, 2, 3, 4, 5]
        assert PhotoReview.objects.count() == 1

    @pytest.mark.parametrize("data", [b"", b"no picture", b"x" * (8 * 2**20 + 1)])
    def test_what_is_no_photo_is_refused_before_anything_is_kept(
        self, lesson: ClassSession, now: datetime, data: bytes
    ) -> None:
        with pytest.raises(ImageRefused):
            photo_add(session=lesson, data=data, now=now, actor=SYSTEM)
        assert not PhotoReview.objects.exists()

    def test_finishing_deletes_photos_and_faces_and_leaves_counts_and_marks(
        self, hall: ClassSession, media: Path, now: datetime
    ) -> None:
        found(hall, now, vector(0), vector(STRANGER))
        confirm(hall, now, known=True)
        review = open_review(hall)
        assert review is not None
        assert review_finish(review=review, now=now, actor=SYSTEM)
        assert not review_finish(review=review, now=now, actor=SYSTEM)
        images_purge(now=now)
        review.refresh_from_db()
        assert (review.photo_count, review.face_count, review.confirmed_count) == (1, 2, 1)
        assert not ClassPhoto.objects.exists()
        assert not PhotoFace.objects.exists()
        assert not list((media / "snapshots").rglob("*.bin"))
        assert list(marks(hall)) == ["STUD"]
        assert open_review(hall) is None
        add(hall, now)  # another review begins

    def test_what_nobody_finishes_goes_when_its_time_is_over(
        self, hall: ClassSession, now: datetime
    ) -> None:
        PrivacyRules.objects.create(class_photos_hours=2)
        found(hall, now, vector(0))
        assert reviews_expire(now=now + timedelta(hours=1, minutes=59)) == 0
        assert reviews_expire(now=now + timedelta(hours=2)) == 1
        assert not PhotoFace.objects.exists()

    def test_an_image_that_is_purged_is_no_longer_shown(
        self, hall: ClassSession, now: datetime
    ) -> None:
        found(hall, now)
        StoredImage.objects.update(delete_after=now)
        images_purge(now=now)
        with pytest.raises(Refused) as refused:
            photo_open(session=hall, number=1, now=now, actor=SYSTEM)
        assert code_of(refused) == ("no_image", 404)

    def test_looking_at_a_photo_is_written_down(self, hall: ClassSession, now: datetime) -> None:
        found(hall, now)
        jpeg = photo_open(session=hall, number=1, now=now, actor=SYSTEM)
        assert jpeg.startswith(b"\xff\xd8")
        assert Entry.objects.filter(action="biometrics.image.opened").count() == 1

    def test_who_withdraws_is_proposed_no_more(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(0), vector(0, away=0.4), vector(1))
        consent_withdraw(student=in_campus.student, kind=Consent.Kind.FACE, now=now, actor=SYSTEM)
        assert meanings(hall) == [(FaceMeaning.KNOWN, in_campus.classmate.pk)]

    def test_a_person_s_faces_are_found_for_export_and_erasure(
        self, hall: ClassSession, in_campus: Cast, now: datetime
    ) -> None:
        found(hall, now, vector(0), vector(0, away=0.4), vector(1))
        [rows] = [rows for rows in person_rows() if rows.model is PhotoFace]
        person = person_of(student=in_campus.student)
        assert PhotoFace.objects.filter(rows.rows(person)).count() == 2


class TestWaiting:
    def test_a_worker_that_is_lost_three_times_ends_in_words(
        self, lesson: ClassSession, now: datetime
    ) -> None:
        photo = add(lesson, now)
        starts = [photo_claim(photo_id=photo.pk, now=now) for _ in range(MAX_STARTS + 1)]
        assert starts == [True] * MAX_STARTS + [False]
        photo.refresh_from_db()
        assert (photo.status, photo.problem) == ("failed", "worker_lost")

    def test_nothing_waits_longer_than_ten_minutes(
        self, lesson: ClassSession, now: datetime
    ) -> None:
        photo = add(lesson, now)
        review = open_review(lesson)
        assert review is not None
        assert review_shown(review=review, now=now).state == "searching"
        later = now + timedelta(minutes=11)
        shown = review_shown(review=review, now=later)
        assert (shown.state, shown.photos[0].problem) == ("ready", "too_long")
        assert photos_give_up(now=later) == 1
        photo.refresh_from_db()
        assert photo.problem == "too_long"

    def test_a_photo_that_was_changed_or_lost_says_so(
        self, lesson: ClassSession, media: Path, now: datetime
    ) -> None:
        changed, lost = add(lesson, now), add(lesson, now, "blue")
        assert changed.image is not None
        (media / changed.image.key).write_bytes(b"x" * 100)
        ClassPhoto.objects.filter(pk=lost.pk).update(image=None)
        for photo, problem in ((changed, "image_damaged"), (lost, "no_image")):
            assert photo_read(photo_id=photo.pk) is None
            photo.refresh_from_db()
            assert photo.problem == problem

    def test_a_failure_does_not_undo_what_was_found(
        self, lesson: ClassSession, now: datetime
    ) -> None:
        photo = found(lesson, now)
        photo_fail(photo_id=photo.pk, problem="failed")  # type: ignore[arg-type]
        photo.refresh_from_db()
        assert photo.status == "done"

    def test_plain_pictures_are_what_the_worker_is_given(
        self, lesson: ClassSession, now: datetime
    ) -> None:
        assert photo_read(photo_id=add(lesson, now).pk) == plain_jpeg()
