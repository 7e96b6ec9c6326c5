"""Super administrators take a campus over to another face model; nobody else sees the page."""

from datetime import datetime

import pytest

from apps.biometrics.models import FaceModel
from apps.biometrics.services.registry import add_model
from apps.face_models.services import REEMBED
from apps.jobs.models import Job
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.face_models.test_evaluation import SPEC
from tests.factories import Cast, make_user

pytestmark = pytest.mark.django_db


def test_the_action_starts_one_job_of_the_campus(cast: Cast, now: datetime) -> None:
    model = add_model(spec=SPEC, now=now)
    boss = client_of(cast, make_user("boss@platform.example", is_superuser=True))
    page = url(FaceModel, "changelist")
    form = {"action": "use_on_this_campus", "_selected_action": [model.pk]}
    said = boss.post(page, form, follow=True).content.decode()
    assert "Templates are being made anew" in said
    with campus_scope(cast.campus):
        assert Job.objects.get(kind=REEMBED).params == {"engine": "sface"}
    assert "already on its way" in boss.post(page, form, follow=True).content.decode()
    other = FaceModel.objects.create(
        name="other", version="1", dimension=3, threshold=0.5, sha256="0" * 64
    )
    form["_selected_action"] = [model.pk, other.pk]
    assert "Choose one model" in boss.post(page, form, follow=True).content.decode()
    assert client_of(cast, cast.admin).post(page, form).status_code == 403


def test_limits_that_are_no_numbers_are_refused(cast: Cast, now: datetime) -> None:
    model = add_model(spec=SPEC, now=now)
    boss = client_of(cast, make_user("boss@platform.example", is_superuser=True))
    page = url(FaceModel, "change", model.pk)
    for margins in ("[3]", '["a"]', '{"a": 1}', "[0,0,0,0,0,0,0,0,0,0,0]", "nonsense"):
        answer = boss.post(page, {"threshold": "0.5", "margins": margins, "campus_margins": "[]"})
        assert answer.status_code == 200, margins
    for empty in ("", "null", "{}"):
        answer = boss.post(page, {"threshold": "0.5", "margins": empty, "campus_margins": empty})
        model.refresh_from_db()
        assert (answer.status_code, model.margins, model.campus_margins) == (302, [], [])
    boss.post(page, {"threshold": "0.5", "margins": "[0.02]", "campus_margins": "[-0.1]"})
    model.refresh_from_db()
    assert (model.margins, model.campus_margins) == ([0.02], [-0.1])
