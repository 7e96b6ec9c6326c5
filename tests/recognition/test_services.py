"""1:N: whose face it is among the students of a roster, where the campus has permitted it."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.engines import Engine
from apps.biometrics.models import FaceModel, FaceTemplate
from apps.biometrics.services import add_default_model
from apps.biometrics.worker import observe_for_check_in
from apps.common.errors import Refused
from apps.privacy.services import search_permission_withdraw
from apps.recognition.services import (
    LARGEST_ROSTER,
    FaceAnswer,
    find_matching_students,
    find_matching_students_of_photo,
)
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.biometrics.support import enable_faces, enrol, give_consent, make_template
from tests.factories import Cast, make_student
from tests.privacy.permission import permit_search

pytestmark = pytest.mark.usefixtures("media", "engine")

STRANGER = 99


def face(number: int, *, away: float = 0.0) -> np.ndarray:
    """A made-up person; `away` is the cosine distance of this photo to their templates."""
    plain, other = np.zeros(128, np.float32), np.zeros(128, np.float32)
    plain[number], other[127] = 1, 1
    return (1 - away) * plain + np.sqrt(1 - (1 - away) ** 2) * other


def same_as_two(first: int, second: int) -> np.ndarray:
    both = face(first) + face(second)
    return both / np.linalg.norm(both)


@pytest.fixture
def model(in_campus: Cast, now: datetime) -> FaceModel:
    enable_faces()
    permit_search(now)
    return add_default_model(now=now)


@pytest.fixture
def roster(model: FaceModel, now: datetime) -> list[Student]:
    """Twelve students; the first has three templates, the others one each."""
    students = [make_student(f"R{number:02}") for number in range(12)]
    for number, student in enumerate(students):
        make_template(student, face(number), model=model, now=now, colour=f"rgb(0, 0, {number})")
    for colour in ("red", "blue"):
        make_template(students[0], face(0), model=model, now=now, colour=colour)
    return students


def find(vector: np.ndarray, students: list[Student], now: datetime, **more: Any) -> Any:
    ids = [student.pk for student in students]
    return find_matching_students(vector=vector, student_ids=ids, actor=SYSTEM, now=now, **more)


def find_all(vectors: list[np.ndarray], students: list[Student], now: datetime) -> Any:
    ids = [student.pk for student in students]
    return find_matching_students_of_photo(
        vectors=np.array(vectors), student_ids=ids, actor=SYSTEM, now=now
    )


class TestAnswers:
    def test_the_student_is_named_and_the_ten_nearest_are_listed(
        self, roster: list[Student], now: datetime
    ) -> None:
        found = find(face(3, away=0.4), roster, now)
        assert (found.answer, found.student_id) == (FaceAnswer.KNOWN, roster[3].pk)
        assert len(found.candidates) == 10
        assert found.candidates[0].distance == pytest.approx(0.4, abs=1e-6)
        assert found.candidates[0].limit == pytest.approx(0.575)
        assert len(find(face(3), roster, now, limit=2).candidates) == 2

    def test_nobody_of_the_roster_is_an_answer(self, roster: list[Student], now: datetime) -> None:
        found = find(face(STRANGER), roster, now)
        assert (found.answer, found.student_id) == (FaceAnswer.UNKNOWN, None)
        assert find(face(3, away=0.59), roster, now).answer == FaceAnswer.UNKNOWN

    def test_more_templates_have_a_wider_limit(self, roster: list[Student], now: datetime) -> None:
        found = find(face(0, away=0.59), roster, now)
        assert (found.answer, found.candidates[0].templates) == (FaceAnswer.KNOWN, 3)

    def test_a_face_between_two_people_is_doubtful(
        self, roster: list[Student], now: datetime
    ) -> None:
        found = find(same_as_two(4, 5), roster, now)
        assert (found.answer, found.student_id) == (FaceAnswer.DOUBTFUL, None)
        assert {each.student_id for each in found.candidates[:2]} == {roster[4].pk, roster[5].pk}

    def test_a_roster_without_faces_knows_nobody(self, model: FaceModel, now: datetime) -> None:
        found = find(face(1), [make_student("R99")], now)
        assert (found.answer, found.candidates) == (FaceAnswer.UNKNOWN, ())
        assert find_all([face(1)], [], now)[0].answer == FaceAnswer.UNKNOWN

    def test_who_is_not_on_the_roster_is_not_compared(
        self, roster: list[Student], now: datetime
    ) -> None:
        assert find(face(3), roster[:3], now).answer == FaceAnswer.UNKNOWN

    def test_a_changed_template_names_nobody_and_is_written_down(
        self, roster: list[Student], now: datetime
    ) -> None:
        FaceTemplate.objects.filter(student=roster[4]).update(student=roster[5].pk)
        FaceTemplate.objects.filter(student=roster[6]).update(checksum=b"0" * 32)
        for number in (4, 6):
            found = find(face(number), roster, now)
            assert (found.answer, found.student_id) == (FaceAnswer.DOUBTFUL, None)
        assert Entry.objects.filter(action="biometrics.template.damaged").count() == 2

    def test_the_log_says_who_searched_and_names_nobody(
        self, roster: list[Student], now: datetime
    ) -> None:
        find_all([face(1), face(STRANGER)], roster, now)
        entry = Entry.objects.get(action="biometrics.search.roster")
        assert entry.data == {"students": 12, "faces": 2, "known": 1, "doubtful": 0, "unknown": 1}


class TestPhotos:
    def test_a_photo_gives_the_answers_of_its_faces(
        self, roster: list[Student], now: datetime
    ) -> None:
        vectors = [face(3, away=0.3), face(STRANGER), face(0, away=0.59), same_as_two(4, 5)]
        together = find_all(vectors, roster, now)
        for vector, found in zip(vectors, together, strict=True):
            alone = find(vector, roster, now)
            assert (found.answer, found.student_id) == (alone.answer, alone.student_id)
            ours, theirs = ([c.distance for c in each.candidates] for each in (found, alone))
            assert ours == pytest.approx(theirs, abs=1e-6)

    def test_nobody_is_twice_in_a_photo(self, roster: list[Student], now: datetime) -> None:
        found = find_all([face(3, away=0.4), face(3, away=0.1), face(2)], roster, now)
        assert [each.answer for each in found] == [
            FaceAnswer.DOUBTFUL,
            FaceAnswer.KNOWN,
            FaceAnswer.KNOWN,
        ]

    def test_statements_do_not_grow_with_roster_or_faces(
        self, roster: list[Student], now: datetime
    ) -> None:
        counts = set()
        for students, faces in ((2, 2), (12, 2), (12, 12)):
            with CaptureQueriesContext(connection) as captured:
                find_all([face(number) for number in range(faces)], roster[:students], now)
            counts.add(len(captured))
        assert counts == {STATEMENTS_OF_PHOTO}
        for students in (2, 12):
            with CaptureQueriesContext(connection) as captured:
                find(face(1), roster[:students], now)
            assert len(captured) == STATEMENTS_OF_ONE
            means = [query for query in captured if "<=>" in query["sql"]]
            assert len(means) == 1


STATEMENTS_OF_PHOTO = 11
STATEMENTS_OF_ONE = 12


class TestPermission:
    def test_without_the_paper_nobody_is_searched(self, in_campus: Cast, now: datetime) -> None:
        enable_faces()
        assert refusal(in_campus, now) == "search_not_permitted 403"
        permit_search(now, purpose="")
        assert refusal(in_campus, now) == "search_without_purpose 403"
        permit_search(now)
        assert refusal(in_campus, now) == ""
        search_permission_withdraw(now=now, actor=SYSTEM)
        assert refusal(in_campus, now) == "search_withdrawn 403"

    def test_a_campus_without_faces_searches_none(self, in_campus: Cast, now: datetime) -> None:
        permit_search(now)
        Campus.objects.update(face_enabled=False)
        assert refusal(in_campus, now) == "face_disabled 403"

    def test_a_crowd_is_no_roster(self, model: FaceModel, now: datetime) -> None:
        with pytest.raises(Refused) as refused:
            find_matching_students(
                vector=face(1), student_ids=range(LARGEST_ROSTER + 1), actor=SYSTEM, now=now
            )
        assert refused.value.code == "roster_too_large"

    def test_who_agreed_before_searching_was_written_down_is_left_out(
        self, in_campus: Cast, now: datetime
    ) -> None:
        model = add_default_model(now=now)
        make_template(in_campus.student, face(1), model=model, now=now)
        permit_search(now)
        assert find(face(1), [in_campus.student], now).candidates == ()
        give_consent(in_campus.student, now)
        assert find(face(1), [in_campus.student], now).answer == FaceAnswer.KNOWN

    def test_another_campus_is_not_searched(
        self, roster: list[Student], other_cast: Cast, now: datetime
    ) -> None:
        with campus_scope(other_cast.campus):
            enable_faces()
            permit_search(now)
            assert find(face(3), roster, now).candidates == ()


def refusal(cast: Cast, now: datetime) -> str:
    try:
        find(face(1), [cast.student], now)
    except Refused as refused:
        return f"{refused.code} {refused.status}"
    return ""


@pytest.mark.faces
def test_real_people_are_told_apart(
    in_campus: Cast, people: list[list[bytes]], engine: Engine, now: datetime
) -> None:
    permit_search(now)
    first, second, third = people
    for student, photos in ((in_campus.student, first), (in_campus.classmate, second)):
        for photo in photos[:2]:
            assert enrol(student, photo, now).status == "accepted"
    vectors = [observe_for_check_in(photos[3]).vector for photos in (first, second, third)]
    found = find_all(vectors, [in_campus.student, in_campus.classmate], now)  # type: ignore[arg-type]
    named = [each.student_id for each in found]
    assert named == [in_campus.student.pk, in_campus.classmate.pk, None]
    assert found[2].answer == FaceAnswer.UNKNOWN
