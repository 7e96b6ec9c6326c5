from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LivenessConfig(AppConfig):
    name = "apps.liveness"
    verbose_name = _("liveness")

    def ready(self) -> None:
        from apps.biometrics import image_references
        from apps.liveness.personal_data import register
        from apps.liveness.services import checks_erase, frames_unlink
        from apps.privacy.models import Consent
        from apps.privacy.registry import add_eraser

        image_references.add_reference(frames_unlink)
        add_eraser(Consent.Kind.FACE, checks_erase)
        register()
