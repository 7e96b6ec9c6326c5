from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClassPhotosConfig(AppConfig):
    name = "apps.class_photos"
    verbose_name = _("photos of a class")

    def ready(self) -> None:
        from apps.biometrics import image_references
        from apps.class_photos.personal_data import register
        from apps.class_photos.services.reviews import faces_forget, photos_unlink
        from apps.privacy.models import Consent
        from apps.privacy.registry import add_eraser

        image_references.add_reference(photos_unlink)
        add_eraser(Consent.Kind.FACE, faces_forget)
        register()
