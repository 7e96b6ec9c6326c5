"""The room, as a phone's receivers hear and place it."""

import math
from dataclasses import dataclass
from random import Random
from typing import Any, Final

METRES_PER_DEGREE: Final = 111_195.0  # of latitude, on a sphere of 6,371 km
SCATTER_M: Final = 6.0
GOOD_ACCURACY_M: Final = 8.0
VAGUE_ACCURACY_M: Final = 350.0
NEAR_RSSI: Final = -55  # dBm


@dataclass(frozen=True, kw_only=True)
class Room:
    """Where the session is: degrees, metres, and the beacon on the wall."""

    latitude: float
    longitude: float
    radius_m: float
    beacon: str

    def fix(
        self, random: Random, *, away_m: float = 0.0, accuracy_m: float = GOOD_ACCURACY_M
    ) -> dict[str, Any]:
        """A fresh fix, scattered by a few metres, `away_m` to the north of the room."""
        north = away_m + random.uniform(-SCATTER_M, SCATTER_M)
        east = random.uniform(-SCATTER_M, SCATTER_M)
        shrink = math.cos(math.radians(self.latitude))
        return {
            "latitude": f"{self.latitude + north / METRES_PER_DEGREE:.8f}",
            "longitude": f"{self.longitude + east / METRES_PER_DEGREE / shrink:.8f}",
            "accuracy_m": accuracy_m,
            "age_s": round(random.uniform(0.2, 3.0), 1),
        }

    def far_away(self, random: Random) -> dict[str, Any]:
        """A fix well outside the fence."""
        return self.fix(random, away_m=self.radius_m + 400)

    def heard(self) -> list[dict[str, Any]]:
        return [{"identifier": self.beacon, "rssi": NEAR_RSSI}]
