"""Taking a campus over to another model: resumed, switched at once, and nothing lost meanwhile."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceModel, FaceSample, FaceTemplate, TemplateKey
from apps.biometrics.services import (
    current_model,
    image_store,
    judging,
    sample_add,
    sample_judge,
    template_key_reissue,
    verification,
    verify_student,
)
from apps.biometrics.services.registry import ModelChanged, in_force
from apps.biometrics.vectors import is_intact
from apps.common.errors import Refused
from apps.face_models.management.commands import reembed as command
from apps.face_models.services import reembed_some, reembed_start, reembedding
from apps.jobs import tasks as jobs
from apps.jobs.models import Job
from apps.tenants.scope import campus_scope
from tests.biometrics.support import enrol, give_consent, variant
from tests.factories import Cast, make_cast

pytestmark = pytest.mark.usefixtures("media", "engine")


class Watched:
    """Progress of a job whose worker nobody watches."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def at(self, done: int, total: int, *, phase: str) -> None:
        self.seen.append((done, total))


@pytest.fixture
def enrolled(in_campus: Cast, astronaut_jpeg: bytes, now: datetime) -> Cast:
    """The student with three photos of one face, and templates of the default model."""
    for brightness in (1.0, 0.9, 1.1):
        enrol(in_campus.student, variant(astronaut_jpeg, brightness=brightness), now)
    assert FaceTemplate.objects.count() == 3
    return in_campus


@pytest.fixture
def job(second: str, enrolled: Cast, now: datetime) -> Job:
    return reembed_start(engine=second, user_id=None, actor=SYSTEM, now=now)


def step(job: Job, now: datetime) -> dict[str, Any] | None:
    return reembed_some(job=job, progress=Watched(), now=now)  # type: ignore[arg-type]


def verified(cast: Cast, jpeg: bytes, now: datetime, reference: str) -> Any:
    selfie = image_store(data=variant(jpeg, brightness=1.15), now=now, kept_for=None)
    return verify_student(
        student_id=cast.student.pk, image_id=selfie.pk, reference=reference, now=now
    )


def test_two_requests_at_once_do_not_start_two(second: str, enrolled: Cast, now: datetime) -> None:
    """The campus's row is held before it is asked whether one runs."""
    with CaptureQueriesContext(connection) as asked:
        reembed_start(engine=second, user_id=None, actor=SYSTEM, now=now)
    texts = [query["sql"] for query in asked]
    held = next(n for n, text in enumerate(texts) if "FOR NO KEY UPDATE" in text)
    assert "tenants_campus" in texts[held]
    assert held < next(n for n, text in enumerate(texts) if "jobs_job" in text)
    with pytest.raises(Refused, match="on its way"):
        reembed_start(engine="sface", user_id=None, actor=SYSTEM, now=now)


def test_old_vectors_are_compared_until_the_switch_and_none_is_left_after_it(
    enrolled: Cast,
    job: Job,
    astronaut_jpeg: bytes,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 2)
    assert step(job, now) is None
    assert FaceTemplate.objects.filter(model__name="second").count() == 2
    between = verified(enrolled, astronaut_jpeg, now, "between")
    assert (between.decision, between.model.name) == ("matched", "sface")
    assert step(job, now) is None
    assert current_model(now=now).name == "sface"

    done = step(job, now)
    assert done is not None
    assert (done["templates"], done["to_judge"]) == (3, 0)
    assert current_model(now=now).name == "second"
    assert {t.model.name for t in FaceTemplate.objects.select_related("model")} == {"second"}
    assert all(is_intact(template) for template in FaceTemplate.objects.all())
    after = verified(enrolled, astronaut_jpeg, now, "after")
    assert (after.decision, after.model.name) == ("matched", "second")
    entry = Entry.objects.get(action="biometrics.model.switched")
    assert entry.data["before"].startswith("sface")


def test_who_enrols_meanwhile_gets_a_template_of_the_new_model_too(
    enrolled: Cast, job: Job, astronaut_jpeg: bytes, now: datetime
) -> None:
    assert step(job, now) is None
    late = sample_add(
        student=enrolled.student,
        data=variant(astronaut_jpeg, brightness=0.8),
        actor=SYSTEM,
        now=now,
    )
    sample_judge(sample_id=late.pk, now=now)
    assert step(job, now) is None
    assert step(job, now) is not None
    assert FaceTemplate.objects.get(sample=late).model.name == "second"


def test_a_check_in_during_the_switch_is_looked_at_again(
    enrolled: Cast,
    job: Job,
    astronaut_jpeg: bytes,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The selfie was embedded by the old model, and its templates are gone when it is compared."""
    step(job, now)
    real, looked = verification._probe, []

    def probe(*args: Any, **more: Any) -> Any:
        found = real(*args, **more)
        looked.append(found.made_by.model.name)
        if len(looked) == 1:
            step(job, now)
        return found

    monkeypatch.setattr(verification, "_probe", probe)
    outcome = verified(enrolled, astronaut_jpeg, now, "during")
    assert looked == ["sface", "second"]
    assert (outcome.decision, outcome.model.name) == ("matched", "second")


def test_an_enrolment_during_the_switch_is_looked_at_again(
    enrolled: Cast,
    job: Job,
    astronaut_jpeg: bytes,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step(job, now)
    late = sample_add(
        student=enrolled.student,
        data=variant(astronaut_jpeg, brightness=0.8),
        actor=SYSTEM,
        now=now,
    )
    real, looked = judging.observed, []

    def observed(sample: FaceSample, model: FaceModel) -> Any:
        looked.append(model.name)
        found = real(sample, model)
        if len(looked) == 1:
            step(job, now)
        return found

    monkeypatch.setattr(judging, "observed", observed)
    sample_judge(sample_id=late.pk, now=now)
    assert looked == ["sface", "second"]
    assert FaceTemplate.objects.get(sample=late).model.name == "second"


def test_photos_that_cannot_be_read_are_judged_again_after_the_switch(
    enrolled: Cast, job: Job, media: Path, now: datetime
) -> None:
    sample = FaceSample.objects.select_related("image").first()
    assert sample is not None
    (media / sample.image.key).write_bytes(b"x" * 60)
    assert step(job, now) is None
    assert job.params["left"] == [sample.pk]
    done = step(job, now)
    assert done is not None
    assert (done["templates"], done["to_judge"]) == (2, 1)
    assert FaceSample.objects.get(pk=sample.pk).status == FaceSample.Status.PENDING


def test_another_key_in_between_makes_them_missing_again(
    enrolled: Cast, job: Job, now: datetime
) -> None:
    step(job, now)
    template_key_reissue(actor=SYSTEM, now=now)
    assert step(job, now) is None
    assert step(job, now) is not None
    assert set(FaceTemplate.objects.values_list("model__name", "key_generation")) == {("second", 2)}


def test_a_second_job_and_an_unknown_engine_are_refused(job: Job, now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        reembed_start(engine="sface", user_id=None, actor=SYSTEM, now=now)
    assert refused.value.code == "reembedding_runs"
    with pytest.raises(Refused, match="Known engines: sface") as refused:
        reembed_start(engine="nonesuch", user_id=None, actor=SYSTEM, now=now)
    assert refused.value.code == "unknown_engine"


def test_a_storage_that_is_away_keeps_what_was_made(
    enrolled: Cast, job: Job, media: Path, now: datetime
) -> None:
    for path in media.rglob("*.bin"):
        path.unlink()
    with pytest.raises(Refused, match="What was made is kept") as refused:
        step(job, now)
    assert refused.value.code == "storage_unavailable"


def test_templates_of_an_engine_that_is_not_installed_any_more_are_not_compared(
    enrolled: Cast, now: datetime
) -> None:
    assert in_force(now=now).model.name == "sface"
    FaceModel.objects.update(version="2019")
    with pytest.raises(ModelChanged, match=r"manage\.py reembed sface"):
        current_model(now=now)


def test_campuses_have_models_of_their_own(
    job: Job, other_cast: Cast, astronaut_jpeg: bytes, now: datetime
) -> None:
    while step(job, now) is None:
        pass
    with campus_scope(other_cast.campus):
        assert enrol(other_cast.student, astronaut_jpeg, now).status == "accepted"
        assert current_model(now=now).name == "sface"
        assert TemplateKey.objects.get().model == current_model(now=now)
    assert current_model(now=now).name == "second"


@pytest.mark.django_db(transaction=True)
def test_the_command_resumes_and_says_what_it_did(
    second: str,
    astronaut_jpeg: bytes,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Interrupted after its first part, asked again, and in parts as a worker does."""
    cast = make_cast("north")
    with campus_scope(cast.campus):
        give_consent(cast.student, now)
        for brightness in (1.0, 0.9):
            enrol(cast.student, variant(astronaut_jpeg, brightness=brightness), now)
    monkeypatch.setattr(reembedding, "BATCH", 1)
    real, parts = reembedding._step, []

    def interrupted(*args: Any, **more: Any) -> Any:
        parts.append(args)
        if len(parts) == 2:
            raise KeyboardInterrupt
        return real(*args, **more)

    monkeypatch.setattr(reembedding, "_step", interrupted)
    with pytest.raises(CommandError, match="What was made is kept"):
        call_command("reembed", second, campus="north")
    with campus_scope(cast.campus):
        assert FaceTemplate.objects.filter(model__name=second).count() == 1
    call_command("reembed", second, campus="north")
    assert "second 1 instead of sface" in capsys.readouterr().out

    with campus_scope(cast.campus):
        job = reembed_start(engine="sface", user_id=None, actor=SYSTEM, now=now)
    for _part in range(3):
        jobs.execute_job(cast.campus.pk, job.pk, seconds=0)
    with campus_scope(cast.campus):
        job.refresh_from_db()
        assert (job.status, job.attempts, job.percent) == (Job.Status.SUCCEEDED, 1, 100)
        assert current_model(now=now).name == "sface"
    monkeypatch.setattr(command, "execute_job", lambda *_args, **_more: None)
    call_command("reembed", second, campus="north")
    assert "a worker does it" in capsys.readouterr().out
    with pytest.raises(CommandError, match="nowhere"):
        call_command("reembed", second, campus="nowhere")
