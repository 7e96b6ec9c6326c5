from apps.learning.services.drift import drift_erase, drift_measure
from apps.learning.services.samples import check_in_learn, learned_take_back

__all__ = ["check_in_learn", "drift_erase", "drift_measure", "learned_take_back"]
