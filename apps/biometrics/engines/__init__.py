"""Face engines behind one interface, loaded on demand.

Importing this package loads no neural network, no OpenCV and no TensorFlow: the web process may
name engines, only a worker gets one.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, cast

from apps.biometrics.engines.base import (
    Engine,
    EngineSpec,
    EngineUnavailable,
    Face,
    Pixels,
    Vectors,
    cosine_distance,
)

__all__ = [
    "DEFAULT_ENGINE",
    "Engine",
    "EngineSpec",
    "EngineUnavailable",
    "Face",
    "Pixels",
    "Vectors",
    "cosine_distance",
    "engine_names",
    "get_engine",
]

DEFAULT_ENGINE: Final = "sface"

_DEEPFACE_MODELS: Final = "apps.biometrics.engines.deepface_models"
_LOADERS: Final = {  # name -> module whose load(name, models_dir) builds the engine
    "sface": "apps.biometrics.engines.sface",
    "facenet": _DEEPFACE_MODELS,
    "facenet512": _DEEPFACE_MODELS,
    "arcface": _DEEPFACE_MODELS,
    "vgg-face": _DEEPFACE_MODELS,
    "ghostfacenet": _DEEPFACE_MODELS,
}


class _Loader(Protocol):
    def load(self, name: str, models_dir: Path) -> Engine: ...


def engine_names() -> tuple[str, ...]:
    return tuple(_LOADERS)


def get_engine(name: str = DEFAULT_ENGINE, *, models_dir: Path | None = None) -> Engine:
    """The engine of this name, loaded once per process (0.5-1 s the first time).

    `models_dir` defaults to `settings.CAMPUS_MODELS_DIR`. Raises `EngineUnavailable` for an unknown
    name or a missing extra, `WeightsMissing` or `WrongHash` when its files are absent or changed.
    """
    if name not in _LOADERS:
        known = ", ".join(_LOADERS)
        raise EngineUnavailable(f"There is no face engine {name!r}. Known engines: {known}.")
    return _load(name, models_dir or _default_models_dir())


@cache
def _load(name: str, models_dir: Path) -> Engine:
    loader = cast(_Loader, import_module(_LOADERS[name]))
    return loader.load(name, models_dir)


def _default_models_dir() -> Path:
    from django.conf import settings

    return Path(settings.CAMPUS_MODELS_DIR)
