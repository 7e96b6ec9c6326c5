"""What is made of a frame before anybody is named."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class FaceSighting:
    """A face that is clear enough to be compared: its unit vector, and a JPEG of it."""

    vector: NDArray[np.float32]
    snapshot: bytes | None = None
