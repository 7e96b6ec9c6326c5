"""What other apps and the interfaces may do with faces.

Nothing here loads a neural network: what needs one imports `apps.biometrics.worker` when it runs.
"""

from apps.biometrics.services.enrolment import (
    faces_erase,
    refused_samples_drop,
    sample_add,
    sample_remove,
)
from apps.biometrics.services.images import image_id, image_store, images_purge, orphans_delete
from apps.biometrics.services.judging import sample_judge
from apps.biometrics.services.keys import template_key_reissue, templates_vacuum
from apps.biometrics.services.registry import add_default_model, current_model
from apps.biometrics.services.retention import former_faces_erase, selfies_shorten
from apps.biometrics.services.verification import verify_student

__all__ = [
    "add_default_model",
    "current_model",
    "faces_erase",
    "former_faces_erase",
    "image_id",
    "image_store",
    "images_purge",
    "orphans_delete",
    "refused_samples_drop",
    "sample_add",
    "sample_judge",
    "sample_remove",
    "selfies_shorten",
    "template_key_reissue",
    "templates_vacuum",
    "verify_student",
]
