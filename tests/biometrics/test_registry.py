"""Registered models, checksummed templates, and the key that can be re-issued."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.engines import Engine
from apps.biometrics.engines.base import EngineSpec
from apps.biometrics.models import (
    CampusThreshold,
    FaceModel,
    FaceSample,
    FaceTemplate,
    FaceVerification,
    TemplateKey,
)
from apps.biometrics.selectors import key_generation, threshold_for
from apps.biometrics.services import (
    add_default_model,
    image_store,
    template_key_reissue,
    templates_vacuum,
    verify_student,
)
from apps.biometrics.services.registry import ModelChanged, add_model, make_default
from apps.biometrics.services.verification import mean_distance
from apps.biometrics.vectors import is_intact, protect
from apps.tenants.scope import campus_scope
from tests import services
from tests.biometrics.support import enrol, make_model, make_template, unit, variant
from tests.factories import Cast, make_cast

SPEC = EngineSpec(name="made-up", version="1", dimension=3, threshold=0.5, sha256="a" * 64)
SELFIE_LIGHT = 1.15

usefixtures = pytest.mark.usefixtures


@pytest.mark.django_db
class TestModels:
    def test_the_engine_registers_itself_once_and_is_the_default(
        self, engine: Engine, now: datetime
    ) -> None:
        first, second = add_default_model(now=now), add_default_model(now=now)
        assert first == second
        assert first.is_default
        assert (first.name, first.dimension, first.sha256) == (
            engine.spec.name,
            engine.spec.dimension,
            engine.spec.sha256,
        )

    def test_a_calibrated_threshold_is_not_overwritten(self, now: datetime) -> None:
        model = add_model(spec=SPEC, now=now)
        FaceModel.objects.filter(pk=model.pk).update(threshold=0.41)
        assert add_model(spec=SPEC, now=now).threshold == 0.41

    def test_other_weights_under_the_same_name_are_refused(self, now: datetime) -> None:
        add_model(spec=SPEC, now=now)
        with pytest.raises(ModelChanged):
            add_model(spec=replace(SPEC, sha256="b" * 64), now=now)

    def test_the_last_that_was_made_the_default_is_the_only_one(self, now: datetime) -> None:
        make_default(add_model(spec=SPEC, now=now), now=now)
        newer = add_model(spec=replace(SPEC, version="2"), now=now)
        make_default(newer, now=now)
        assert FaceModel.objects.get(is_default=True) == newer
        assert FaceModel.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_workers_that_start_together_register_one_model(now: datetime) -> None:
    start = Barrier(4)

    def register(_number: int) -> int:
        start.wait(timeout=10)
        try:
            model = add_model(spec=SPEC, now=now)
            make_default(model, now=now)
            return model.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(register, range(4)))
    assert len(ids) == 1
    assert FaceModel.objects.get().is_default


@usefixtures("media")
class TestTemplates:
    def test_what_is_stored_is_not_the_vector_itself(self, in_campus: Cast, now: datetime) -> None:
        plain, model = unit(*range(1, 129)), make_model(now=now, dimension=128)
        template = make_template(in_campus.student, plain, model=model, now=now)
        stored = np.asarray(FaceTemplate.objects.get(pk=template.pk).vector)
        assert abs(float(stored @ plain)) < 0.6  # 7 standard deviations of a random turn
        assert np.linalg.norm(stored) == pytest.approx(1, abs=1e-5)

    def test_a_template_read_back_is_intact(self, in_campus: Cast, now: datetime) -> None:
        template = make_template(
            in_campus.student, unit(1, 2, 3), model=make_model(now=now), now=now
        )
        assert is_intact(FaceTemplate.objects.get(pk=template.pk))

    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE biometrics_facetemplate SET vector = vector + '[0.00001,0,0]'",
            "UPDATE biometrics_facetemplate SET student_id = %(other)s",
            "UPDATE biometrics_facetemplate SET key_generation = 2",
            "UPDATE biometrics_facetemplate SET frame = substr(sha224(frame), 1, 16)",
            "UPDATE biometrics_facetemplate SET checksum = set_byte(checksum, 3, "
            "(get_byte(checksum, 3) + 1) %% 256)",
        ],
        ids=["vector", "owner", "generation", "frame", "checksum"],
    )
    def test_a_change_behind_our_back_shows(
        self, in_campus: Cast, now: datetime, damage: str
    ) -> None:
        make_template(in_campus.student, unit(1, 2, 3), model=make_model(now=now), now=now)
        with connection.cursor() as cursor:
            cursor.execute(damage, {"other": in_campus.classmate.pk})
        assert not is_intact(FaceTemplate.objects.get())

    def test_distances_are_the_plain_ones_and_their_mean_counts(
        self, in_campus: Cast, now: datetime
    ) -> None:
        model, student = make_model(now=now), in_campus.student
        make_template(student, unit(1, 0, 0), model=model, now=now, colour="red")
        make_template(student, unit(0, 1, 0), model=model, now=now, colour="blue")
        probe = unit(1, 0, 0)
        found = mean_distance(probe, student_id=student.pk, model=model, generation=1)
        assert found == pytest.approx(0.5, abs=1e-5)

    def test_models_and_students_are_never_mixed(self, in_campus: Cast, now: datetime) -> None:
        model, other = make_model(now=now), make_model("other", now=now)
        make_template(in_campus.student, unit(1, 0, 0), model=model, now=now)
        probe, student_id = unit(1, 0, 0), in_campus.student.pk
        assert mean_distance(probe, student_id=student_id, model=other, generation=1) is None
        classmate = in_campus.classmate.pk
        assert mean_distance(probe, student_id=classmate, model=model, generation=1) is None

    def test_campuses_turn_their_vectors_differently(self, cast: Cast, other_cast: Cast) -> None:
        turned = []
        for each in (cast, other_cast):
            with campus_scope(each.campus):
                turned.append(protect(unit(*range(1, 129)), frame=b"f" * 16, generation=1))
        assert abs(float(turned[0] @ turned[1])) < 0.5

    def test_two_templates_of_one_vector_are_strangers(
        self, in_campus: Cast, now: datetime
    ) -> None:
        model = make_model(now=now, dimension=128)
        for colour in ("red", "blue"):
            plain = unit(*range(1, 129))
            make_template(in_campus.student, plain, model=model, now=now, colour=colour)
        first, second = (np.asarray(t.vector) for t in FaceTemplate.objects.order_by("pk"))
        assert abs(float(first @ second)) < 0.5

    def test_no_two_templates_share_a_frame(self, in_campus: Cast, now: datetime) -> None:
        model = make_model(now=now)
        first = make_template(in_campus.student, unit(1, 0, 0), model=model, now=now)
        second = make_template(
            in_campus.classmate, unit(1, 0, 0), model=model, now=now, colour="red"
        )
        again = FaceTemplate.objects.filter(pk=second.pk)
        with pytest.raises(IntegrityError, match="frame_unique"), transaction.atomic():
            again.update(frame=first.frame)
        with pytest.raises(IntegrityError, match="frame_length"), transaction.atomic():
            again.update(frame=b"")

    def test_a_campuss_threshold_goes_before_the_models(
        self, in_campus: Cast, now: datetime
    ) -> None:
        model = make_model(now=now)
        assert threshold_for(model=model) == 0.5
        CampusThreshold.objects.create(model=model, threshold=0.31)
        assert threshold_for(model=model) == 0.31


@usefixtures("media", "engine")
class TestReissue:
    @pytest.fixture
    def enrolled(self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime) -> FaceTemplate:
        enrol(in_campus.student, astronaut_jpeg, now)
        return FaceTemplate.objects.get()

    def test_old_vectors_become_worthless_and_new_ones_work(
        self, in_campus: Cast, enrolled: FaceTemplate, astronaut_jpeg: bytes, now: datetime
    ) -> None:
        old = np.asarray(enrolled.vector)
        outcome = template_key_reissue(actor=SYSTEM, now=now)
        assert (outcome.generation, outcome.renewed, outcome.to_judge) == (2, 1, 0)
        assert key_generation() == 2
        new = FaceTemplate.objects.get()
        assert new.key_generation == 2
        assert is_intact(new)
        assert abs(float(old @ np.asarray(new.vector))) < 0.4  # strangers, not the same person
        assert verified(in_campus, astronaut_jpeg, now).decision == "matched"
        assert Entry.objects.filter(action="biometrics.key.reissued").exists()

    def test_a_vector_of_an_old_key_is_never_compared(
        self, in_campus: Cast, enrolled: FaceTemplate, astronaut_jpeg: bytes, now: datetime
    ) -> None:
        TemplateKey.objects.update(generation=2)
        outcome = verified(in_campus, astronaut_jpeg, now)
        assert (outcome.decision, outcome.reason) == ("undecided", "no_templates")

    def test_a_sample_whose_photo_cannot_be_read_is_judged_again(
        self, enrolled: FaceTemplate, media: Path, now: datetime
    ) -> None:
        key = enrolled.sample.image.key
        (media / key).write_bytes(b"x" * 60)
        outcome = template_key_reissue(actor=SYSTEM, now=now)
        assert (outcome.renewed, outcome.to_judge) == (0, 1)
        assert FaceSample.objects.get().status == FaceSample.Status.PENDING
        assert not FaceTemplate.objects.exists()

    def test_a_storage_that_is_away_changes_nothing(
        self, in_campus: Cast, enrolled: FaceTemplate, media: Path
    ) -> None:
        (media / enrolled.sample.image.key).unlink()
        with pytest.raises(CommandError, match="Nothing was changed"):
            call_command("reissue_template_key", campus="north")
        assert key_generation() == 1
        assert FaceTemplate.objects.get() == enrolled

    def test_an_unknown_campus_is_a_clear_message(self, in_campus: Cast) -> None:
        with pytest.raises(CommandError, match="nowhere"):
            call_command("reissue_template_key", campus="nowhere")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(services.STACK is None, reason="asks the server as its superuser")
@usefixtures("media")
class TestWhatStays:
    def test_a_replaced_vector_is_gone_from_the_file(self, now: datetime) -> None:
        cast = make_cast("north")
        with campus_scope(cast.campus):
            model = make_model(now=now, dimension=128)
            make_template(cast.student, unit(*range(1, 129)), model=model, now=now)
            former = FaceTemplate.objects.get()
        with campus_scope(cast.campus):
            make_template(cast.student, unit(*range(1, 129)), model=model, now=now)
            vector = FaceTemplate.objects.get().vector
        assert on_disk(former.vector)
        templates_vacuum()
        assert not on_disk(former.vector)
        assert on_disk(vector)

    def test_the_command_names_what_it_did(
        self,
        engine: Engine,
        astronaut_jpeg: bytes,
        now: datetime,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        cast = make_cast("north")
        with campus_scope(cast.campus):
            enrol(cast.student, astronaut_jpeg, now)
        call_command("reissue_template_key", campus="north")
        assert "generation 2, 1 templates" in capsys.readouterr().out

    def test_the_planner_keeps_no_statistics_of_vectors(self, now: datetime) -> None:
        cast = make_cast("north")
        with campus_scope(cast.campus):
            make_template(cast.student, unit(1, 2, 3), model=make_model(now=now), now=now)
        with superuser() as server:
            server.execute("ANALYZE")
            kept = server.execute(
                "SELECT attname FROM pg_stats WHERE tablename = 'biometrics_facetemplate' "
                "AND attname IN ('vector', 'student_id')"
            ).fetchall()
            targets = server.execute(
                "SELECT attrelid::regclass::text, attname, attstattarget FROM pg_attribute "
                "JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p') "
                "WHERE atttypid = 'vector'::regtype"
            ).fetchall()
        assert kept == [("student_id",)]
        assert targets
        assert [row for row in targets if row[2] != 0] == []


def superuser() -> Any:
    assert services.STACK is not None
    url = urlsplit(services.STACK.layout.superuser_url)
    url = url._replace(path=f"/{connection.settings_dict['NAME']}")
    return psycopg.connect(urlunsplit(url), autocommit=True)


def on_disk(vector: object) -> bool:
    """Whether the table's file holds this vector, in a live row or not."""
    numbers = np.asarray(vector, dtype="<f4").tobytes()
    with superuser() as server:
        server.execute("CHECKPOINT")
        path = "pg_relation_filepath('biometrics_facetemplate')"
        (data,) = server.execute(f"SELECT pg_read_binary_file({path})").fetchone()
    return numbers in data


def verified(cast: Cast, jpeg: bytes, now: datetime) -> FaceVerification:
    selfie = image_store(data=variant(jpeg, brightness=SELFIE_LIGHT), now=now, kept_for=None)
    return verify_student(
        student_id=cast.student.pk, image_id=selfie.pk, reference="check-in 1", now=now
    )
