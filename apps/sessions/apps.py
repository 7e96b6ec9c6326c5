from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SessionsConfig(AppConfig):
    name = "apps.sessions"
    label = "class_sessions"  # django.contrib.sessions owns the label "sessions"
    verbose_name = _("class sessions")

    def ready(self) -> None:
        from apps.sessions.personal_data import register

        register()
