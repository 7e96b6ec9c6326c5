from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CamerasConfig(AppConfig):
    name = "apps.cameras"
    verbose_name = _("cameras")

    def ready(self) -> None:
        from apps.biometrics import image_references
        from apps.cameras.personal_data import erase_sightings, register
        from apps.cameras.resealing import MOVED_UNKNOWN, unknown_reseal
        from apps.cameras.services.forgetting import images_unlink, sightings_forget
        from apps.privacy.models import Consent
        from apps.privacy.registry import add_eraser, add_person_eraser
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_rows

        image_references.add_reference(images_unlink)
        add_eraser(Consent.Kind.FACE, sightings_forget)
        add_person_eraser(erase_sightings)
        add_sealed_rows("unknown faces", unknown_reseal)
        add_moved_rows("unknown faces", MOVED_UNKNOWN)
        register()
