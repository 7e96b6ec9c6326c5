"""Why a sample was refused or a face not compared, by code and for people.

The web process shows them, so they may not come from the modules that need OpenCV.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SampleReason(models.TextChoices):
    """Why a photo was not taken as a sample. The first nine are `quality.QualityReason`'s."""

    NO_FACE = "no_face", _("No face was found.")
    SEVERAL_FACES = "several_faces", _("Only you may be in the picture.")
    FACE_TOO_SMALL = "face_too_small", _("Come closer: the face is too small.")
    TOO_BLURRED = "too_blurred", _("The picture is blurred. Hold still and try again.")
    TOO_DARK = "too_dark", _("It is too dark. Find more light.")
    TOO_BRIGHT = "too_bright", _("It is too bright. Avoid light from behind and the flash.")
    TURNED_AWAY = "turned_away", _("Look straight into the camera.")
    COVERED = "covered", _("Eyes and mouth must be seen: no dark glasses, mask or hand.")
    UNCLEAR = "unclear", _("The face cannot be seen clearly. Look into the camera in good light.")
    ANOTHER_PERSON = "looks_like_another_person", _("This photo cannot be used. Ask the office.")
    UNLIKE_OTHERS = "unlike_other_samples", _("This does not look like your other photos.")
    DAMAGED = "image_damaged", _("The stored photo cannot be read. Send it again.")


class Undecided(models.TextChoices):
    """Why a photo was not compared, besides the reasons of its quality."""

    NO_CONSENT = "no_consent", _("no consent")
    FACE_DISABLED = "face_disabled", _("face verification is off on this campus")
    NO_TEMPLATES = "no_templates", _("no face was enrolled")
    TOO_MANY_FAILURES = "too_many_failures", _("too many mismatches in a row")
    NO_IMAGE = "no_image", _("the photo is no longer kept")
    DAMAGED_IMAGE = "image_damaged", _("the stored photo was changed")
    DAMAGED_TEMPLATE = "template_damaged", _("a stored template was changed")
