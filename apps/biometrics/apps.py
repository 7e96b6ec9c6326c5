from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BiometricsConfig(AppConfig):
    name = "apps.biometrics"
    verbose_name = _("faces")

    def ready(self) -> None:
        from apps.biometrics.personal_data import register
        from apps.biometrics.resealing import MOVED_TEMPLATES, image_files, templates_reseal
        from apps.biometrics.services import faces_erase
        from apps.privacy.models import Consent
        from apps.privacy.registry import add_eraser
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_files, add_sealed_rows

        add_eraser(Consent.Kind.FACE, faces_erase)
        add_sealed_rows("templates", templates_reseal, vacuumed=MOVED_TEMPLATES.table)
        add_moved_rows("templates", MOVED_TEMPLATES)
        add_sealed_files("images", image_files)
        register()
