"""1:N among a whole campus, where the campus has permitted that."""

import gc
import time
import weakref
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics import campus_faces
from apps.biometrics.models import FaceModel, FaceTemplate
from apps.biometrics.services import current_model, faces_erase
from apps.common.errors import Refused
from apps.privacy.services import consent_withdraw, search_permission_withdraw
from apps.recognition.services import (
    FaceAnswer,
    FaceFound,
    campuses,
    find_students_of_campus,
)
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.biometrics.support import enable_faces, give_consent, make_model, make_template
from tests.factories import Cast, make_student
from tests.privacy.permission import permit_search
from tests.recognition.test_services import STRANGER, face, same_as_two

pytestmark = pytest.mark.usefixtures("media", "engine")

STATEMENTS = 11


@pytest.fixture
def model(in_campus: Cast, now: datetime) -> FaceModel:
    enable_faces()
    permit_search(now, covers="campus")
    return current_model(now=now)


@pytest.fixture
def students(model: FaceModel, now: datetime) -> list[Student]:
    """Twelve students; the first has three templates, the others one each."""
    found = [make_student(f"R{number:02}") for number in range(12)]
    for number, student in enumerate(found):
        make_template(student, face(number), model=model, now=now, colour=f"rgb(0, 0, {number})")
    for colour in ("red", "blue"):
        make_template(found[0], face(0), model=model, now=now, colour=colour)
    return found


def find(*vectors: np.ndarray, now: datetime, **more: Any) -> list[FaceFound]:
    return find_students_of_campus(
        vectors=np.array(vectors, np.float32).reshape(-1, 128), actor=SYSTEM, now=now, **more
    )


def refusal(now: datetime, **more: Any) -> str:
    try:
        find(face(1), now=now, **more)
    except Refused as refused:
        return f"{refused.code} {refused.status}"
    return ""


class TestAnswers:
    def test_the_limits_are_stricter_than_those_of_a_roster(
        self, students: list[Student], model: FaceModel, now: datetime
    ) -> None:
        one, _two, three = (model.threshold + margin for margin in model.campus_margins)
        assert one < three < model.threshold
        near, far = find(face(3, away=one - 0.01), face(4, away=one + 0.01), now=now)
        assert (near.answer, near.student_id) == (FaceAnswer.KNOWN, students[3].pk)
        assert near.candidates[0].distance == pytest.approx(one - 0.01, abs=1e-5)
        assert len(near.candidates) == 10
        assert (far.answer, far.candidates[0].student_id) == (FaceAnswer.UNKNOWN, students[4].pk)
        [several] = find(face(0, away=one + 0.01), now=now, limit=1)
        assert (several.student_id, len(several.candidates)) == (students[0].pk, 1)
        assert several.candidates[0].templates == 3

    def test_strangers_doubts_and_repeated_faces(
        self, students: list[Student], now: datetime
    ) -> None:
        answers = [
            each.answer.value
            for each in find(
                face(STRANGER), same_as_two(4, 5), face(3, away=0.3), face(3), now=now, limit=1
            )
        ]
        assert answers == ["unknown", "doubtful", "doubtful", "known"]
        assert find(now=now) == []
        entry = Entry.objects.filter(action="biometrics.search.campus").order_by("pk").first()
        assert entry is not None
        assert entry.data == {"students": 12, "faces": 4, "known": 1, "doubtful": 2, "unknown": 1}

    def test_a_changed_template_names_nobody(self, students: list[Student], now: datetime) -> None:
        FaceTemplate.objects.filter(student=students[6]).update(checksum=b"0" * 32)
        assert find(face(6), now=now)[0].answer == FaceAnswer.DOUBTFUL

    def test_who_has_gone_is_not_named_and_who_came_is_after_five_seconds(
        self,
        students: list[Student],
        model: FaceModel,
        now: datetime,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        assert find(face(5), now=now)[0].student_id == students[5].pk
        faces_erase(student=students[5], now=now, actor=SYSTEM)
        assert find(face(5), now=now)[0].answer == FaceAnswer.UNKNOWN
        consent_withdraw(student=students[6], kind="face", now=now, actor=SYSTEM)
        assert students[6].pk not in {c.student_id for c in find(face(6), now=now)[0].candidates}
        newcomer = make_student("R99")
        make_template(newcomer, face(50), model=model, now=now, colour="green")
        assert find(face(50), now=now)[0].answer == FaceAnswer.UNKNOWN
        monkeypatch.setattr(campuses, "FRESH_SECONDS", 0.0)
        assert find(face(50), now=now)[0].student_id == newcomer.pk
        campus_faces.forget()
        assert find(face(50), now=now)[0].student_id == newcomer.pk

    def test_no_face_stays_in_memory_ten_minutes_after_the_last_search_of_its_campus(
        self,
        students: list[Student],
        model: FaceModel,
        other_cast: Cast,
        now: datetime,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Also while other campuses go on being searched; and nothing else holds the vectors."""
        clock = SimpleNamespace(now=time.monotonic())
        monkeypatch.setattr(time, "monotonic", lambda: clock.now)
        campus_faces.forget()
        find(face(5), now=now)
        kept = weakref.ref(campus_faces.campus_faces(model=model, generation=1))
        for _minute in range(11):
            clock.now += 60
            with campus_scope(other_cast.campus):
                campus_faces.campus_faces(model=model, generation=1)
        gc.collect()
        assert kept() is None

    def test_statements_do_not_grow_with_the_campus_or_the_faces(
        self, students: list[Student], now: datetime
    ) -> None:
        find(face(1), now=now)
        for count in (2, 12):
            with CaptureQueriesContext(connection) as captured:
                find(*(face(number) for number in range(count)), now=now)
            assert len(captured) == STATEMENTS


class TestPermission:
    def test_each_gap_is_a_refusal_of_its_own(self, in_campus: Cast, now: datetime) -> None:
        enable_faces()
        assert refusal(now) == "search_not_permitted 403"
        permit_search(now)
        assert refusal(now) == "search_roster_only 403"
        permit_search(now, covers="campus", purpose="")
        assert refusal(now) == "search_without_purpose 403"
        permit_search(now, covers="campus")
        assert refusal(now) == ""
        search_permission_withdraw(now=now, actor=SYSTEM)
        assert refusal(now) == "search_withdrawn 403"

    def test_what_cannot_be_compared_is_refused(self, model: FaceModel, now: datetime) -> None:
        assert refusal(now, model=make_model(now=now, dimension=128)) == "model_changed 409"
        FaceModel.objects.update(campus_margins=[])
        assert refusal(now) == "model_not_measured 409"
        Campus.objects.update(face_enabled=False)
        assert refusal(now) == "face_disabled 403"

    def test_a_crowd_is_no_picture(self, model: FaceModel, now: datetime) -> None:
        with pytest.raises(Refused, match="400 faces"):
            find(*[face(1)] * 401, now=now)

    def test_only_who_agreed_to_be_searched_is(
        self,
        students: list[Student],
        other_cast: Cast,
        now: datetime,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(campuses, "FRESH_SECONDS", 0.0)
        permit_search(now, covers="campus", purpose="To know who walks through the gate.")
        assert find(face(3), now=now)[0].candidates == ()
        give_consent(students[3], now)
        [found] = find(face(3), now=now)
        assert [each.student_id for each in found.candidates] == [students[3].pk]
        with campus_scope(other_cast.campus):
            enable_faces()
            permit_search(now, covers="campus")
            assert find(face(3), now=now)[0].candidates == ()
