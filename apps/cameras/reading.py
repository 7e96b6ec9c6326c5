"""What is made of a frame before anybody is named."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.models import FaceModel


@dataclass(frozen=True, kw_only=True)
class FaceSighting:
    """A face that is clear enough to be compared: its unit vector, the model that made it (the
    campus's, where none is named), and a JPEG of it."""

    vector: NDArray[np.float32]
    model: FaceModel | None = None
    snapshot: bytes | None = None
