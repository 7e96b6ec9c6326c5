"""Starts deepface in this process: our weights, one thread, no network, the wanted backend."""

import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from apps.biometrics.engines.base import EngineUnavailable

BACKEND_VARIABLE: Final = "DEEPFACE_BACKEND_ENGINE"
ERRORS_ONLY: Final = 3  # onnxruntime's severity scale; SFace floods warnings that mean nothing


def load_deepface(*, backend: str, models_dir: Path, required: bool = False) -> ModuleType:
    """Import deepface's front module with its weights in `models_dir`.

    deepface settles on one backend per process. `required` raises `EngineUnavailable` when that is
    another one; without it, whatever the process already runs is kept (SFace is the same in all).
    """
    os.environ["DEEPFACE_HOME"] = str(models_dir)
    os.environ.setdefault(BACKEND_VARIABLE, backend)
    os.environ.setdefault("DEEPFACE_LOG_LEVEL", "40")  # it prints to standard output
    with warnings.catch_warnings():  # deepface silences every warning of the process
        from deepface import DeepFace
        from deepface.commons import backend_utils
    running = backend_utils.get_backend_engine()
    if required and running != backend:
        raise EngineUnavailable(
            f"deepface runs on {running} in this process, and this engine needs {backend}. "
            f"Start the worker with {BACKEND_VARIABLE}={backend}."
        )
    return DeepFace


def single_threaded_session(weights: Path) -> Any:
    """An onnxruntime session that computes on the calling thread only.

    Its default pool spins on every core: on a busy machine 44 ms became 600 ms.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = ERRORS_ONLY
    return onnxruntime.InferenceSession(
        str(weights), sess_options=options, providers=["CPUExecutionProvider"]
    )
