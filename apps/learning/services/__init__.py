from apps.learning.services.drift import drift_erase, drift_measure
from apps.learning.services.samples import check_ins_learn, learned_take_back

__all__ = ["check_ins_learn", "drift_erase", "drift_measure", "learned_take_back"]
