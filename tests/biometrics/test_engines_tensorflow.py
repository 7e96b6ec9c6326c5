"""deepface's TensorFlow models through our interface, with weights made on the spot.

The real weights come from deepface's release page; random ones prove the plumbing: detection,
alignment, input size, vector length and the engine's description.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile

import pytest

from apps.biometrics.weights.catalogue import YUNET
from apps.biometrics.weights.store import weights_dir

pytestmark = pytest.mark.skipif(
    find_spec("tensorflow") is None or find_spec("tf_keras") is None,
    reason="TensorFlow (extra [tensorflow]) is not installed",
)

# A process of its own: deepface settles on one backend for the life of a process.
WITH_TENSORFLOW = """
import hashlib, os, sys
from pathlib import Path
import numpy as np
models_dir, photo = Path(sys.argv[1]), Path(sys.argv[2])
os.environ.update(DEEPFACE_BACKEND_ENGINE="tensorflow", DEEPFACE_HOME=str(models_dir))
import deepface.DeepFace
from deepface.models.facial_recognition.tf import Facenet
weights = models_dir / ".deepface" / "weights" / "facenet512_weights.h5"
Facenet.InceptionResNetV1(dimension=512).save_weights(str(weights))

from apps.biometrics.engines import get_engine
from apps.biometrics.images import read_photo
engine = get_engine("facenet512", models_dir=models_dir)
image = read_photo(photo.read_bytes()).pixels()
faces = engine.detect(image)
vectors = engine.embed(image, faces)
assert len(faces) == 1
assert vectors.shape == (1, 512) and engine.spec.dimension == 512
assert abs(np.linalg.norm(vectors[0]) - 1) < 1e-5
assert engine.spec.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
again = engine.embed(image, faces)
assert np.allclose(vectors, again, atol=1e-5)
print("facenet512 ran")
"""

ON_ONNX = """
import sys
from pathlib import Path
from apps.biometrics.engines import EngineUnavailable, get_engine
try:
    get_engine("facenet512", models_dir=Path(sys.argv[1]))
except EngineUnavailable as refusal:
    print(refusal)
"""


def run_python(code: str, *arguments: Path, backend: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": "", "PYTHONPATH": ".", "DEEPFACE_BACKEND_ENGINE": backend},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def detector_only(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with YuNet's weights and nobody else's."""
    weights_dir(tmp_path).mkdir(parents=True)
    source = weights_dir(models_dir) / YUNET.installed_name
    copyfile(source, weights_dir(tmp_path) / YUNET.installed_name)
    return tmp_path


def test_facenet512_runs_through_our_interface(detector_only: Path, astronaut_path: Path) -> None:
    done = run_python(WITH_TENSORFLOW, detector_only, astronaut_path, backend="tensorflow")
    assert done.returncode == 0, done.stderr
    assert "facenet512 ran" in done.stdout


def test_a_process_on_another_backend_says_how_to_start_it(detector_only: Path) -> None:
    (weights_dir(detector_only) / "facenet512_weights.h5").write_bytes(b"not read")
    done = run_python(ON_ONNX, detector_only, backend="onnx")
    assert "DEEPFACE_BACKEND_ENGINE=tensorflow" in done.stdout, done.stderr
