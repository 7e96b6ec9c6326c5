"""The second opinion: fetched by operators alone, decides nothing. Weights made on the spot."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from onnx import TensorProto, helper, numpy_helper

from apps.attendance.models import Policy
from apps.biometrics.engines import Engine, Face, Pixels
from apps.checkin.models import CheckInAttempt
from apps.liveness import worker
from apps.liveness.antispoof import FILES, antispoof_in, part_of
from apps.liveness.models import LivenessCheck
from apps.liveness.selectors import second_opinions
from apps.liveness.services import SentFrame, frames_keep, liveness_judge
from apps.liveness.worker import FrameLook
from apps.tenants.scope import campus_scope
from tests.biometrics.support import give_consent
from tests.factories import Cast
from tests.liveness.support import HEAD, Portrait, projected

MARKS = projected(HEAD).landmarks


def face(*box: float) -> Face:
    return Face(box=box, landmarks=MARKS, score=0.9)  # type: ignore[arg-type]


def network(share: float) -> bytes:
    """Says of every 80 x 80 picture that it is live by its mean brightness times `share`."""
    constants = {"shape": np.array([1, 1]), "zero": np.zeros((1, 1)), "one": np.ones((1, 1))}
    constants["weight"] = np.array(share / 255)
    kinds = {name: np.int64 if name == "shape" else np.float32 for name in constants}
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "weight"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["live"]),
        helper.make_node("Sub", ["one", "live"], ["fake"]),
        helper.make_node("Concat", ["fake", "live", "zero"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 80, 80, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(v.astype(kinds[k]), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with both networks, as the command puts them there."""
    origin, models = tmp_path_factory.mktemp("origin"), tmp_path_factory.mktemp("models")
    fetch(origin, models)
    return models


def fetch(origin: Path, models: Path, *, shares: tuple[float, float] = (1.0, 0.5)) -> None:
    hashes = []
    for name, share in zip(FILES, shares, strict=True):
        content = network(share)
        (origin / name).write_bytes(content)
        hashes.append(hashlib.sha256(content).hexdigest())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.CAMPUS_MODELS_DIR", models)
        call_command("fetch_models", "--antispoof", origin, "--sha256", *hashes)


def test_both_networks_are_asked(fetched: Path) -> None:
    networks = antispoof_in(fetched)
    assert networks is not None
    assert antispoof_in(fetched) is networks  # loaded once
    for brightness in (0, 255):
        picture = np.full((300, 200, 3), brightness, np.uint8)
        share = networks.live_share(picture, face(60, 90, 80, 100))
        assert share == pytest.approx(0.75 * brightness / 255, abs=1e-3)


@pytest.mark.parametrize(
    "box", [(60, 90, 80, 100), (-10, 250, 90, 90), (150, 5, 80, 60), (0, 0, 200, 300)]
)
def test_they_look_at_what_they_were_trained_on(engine: Engine, box: tuple[float, ...]) -> None:
    """As deepface cuts it out, after the authors."""
    from deepface.models.spoofing.FasNetUtils import crop

    picture = np.random.default_rng(3).integers(0, 255, (300, 200, 3), dtype=np.uint8)
    for zoom in FILES.values():
        theirs = crop(picture, box, zoom, 80, 80)
        ours = part_of(picture, face(*box), zoom)
        assert np.abs(ours.astype(int) - theirs).mean() < 2  # an edge may be rounded elsewhere


def test_nothing_is_installed_unless_both_files_are_the_ones_that_were_named(
    tmp_path: Path, settings: Any
) -> None:
    settings.CAMPUS_MODELS_DIR = models = tmp_path / "models"
    for name in FILES:
        (tmp_path / name).write_bytes(network(1))
    right = hashlib.sha256(network(1)).hexdigest()
    with pytest.raises(CommandError, match="has SHA-256"):
        call_command("fetch_models", "--antispoof", tmp_path, "--sha256", right, "0" * 64)
    assert antispoof_in(models) is None
    for given in (["--antispoof", tmp_path], ["--sha256", right, right]):
        with pytest.raises(CommandError, match="Say both"):
            call_command("fetch_models", *given)


def test_a_file_that_was_changed_since_gives_no_opinion(tmp_path: Path, settings: Any) -> None:
    settings.CAMPUS_MODELS_DIR = tmp_path / "models"
    fetch(tmp_path, tmp_path / "models")
    [path] = (tmp_path / "models").rglob("2.7_*.onnx")
    path.write_bytes(b"something else")
    look = FrameLook(face=face(20, 20, 50, 50), pixels=np.zeros((90, 90, 3), np.uint8))
    assert look.second_opinion() is None


@pytest.mark.django_db
@pytest.mark.usefixtures("media")
def test_it_is_told_and_decides_nothing(
    cast: Cast,
    fetched: Path,
    engine: Engine,
    astronaut: Pixels,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same frames with it and without: the same verdict, and words for the lecturer."""
    shown = Portrait(engine, astronaut)
    jpegs = [shown.selfie() for _each in range(5)]
    verdicts, told = [], []
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, liveness="required", created_at=timezone.now())
        give_consent(cast.student, timezone.now())
    for installed in (None, fetched):
        monkeypatch.setattr(
            worker, "antispoof_in", lambda _dir, here=installed: here and antispoof_in(here)
        )
        now = timezone.now()
        with campus_scope(cast.campus):
            attempt = CheckInAttempt(student=cast.student)
            frames = [
                SentFrame(jpeg=jpeg, turn=min(place, 2), at_ms=900 * place)
                for place, jpeg in enumerate(jpegs)
            ]
            check = frames_keep(frames, of=attempt, ticket="made-up", now=now)
            assert check is not None
            verdict = liveness_judge(reference=check.reference, now=now)
            assert verdict is not None
            verdicts.append((verdict.decision, verdict.reason))
            told.append(list(second_opinions(references=[check.reference]).values()))
            LivenessCheck.objects.all().delete()
    assert verdicts[0] == verdicts[1]
    assert told == [[], ["A program’s second opinion, often wrong: a picture of a face."]]
