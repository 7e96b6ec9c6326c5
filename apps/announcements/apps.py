from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AnnouncementsConfig(AppConfig):
    name = "apps.announcements"
    verbose_name = _("announcements")

    def ready(self) -> None:
        from apps.announcements.personal_data import register

        register()
