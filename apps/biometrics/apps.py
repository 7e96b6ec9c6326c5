from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BiometricsConfig(AppConfig):
    name = "apps.biometrics"
    verbose_name = _("faces")

    def ready(self) -> None:
        from apps.biometrics.services import faces_erase
        from apps.privacy.models import Consent
        from apps.privacy.registry import add_eraser

        add_eraser(Consent.Kind.FACE, faces_erase)
