from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AttendanceConfig(AppConfig):
    name = "apps.attendance"
    verbose_name = _("attendance")

    def ready(self) -> None:
        from apps.checkin.services.selfies import selfies_forget
        from apps.biometrics import image_references

        image_references.register(selfies_forget)
