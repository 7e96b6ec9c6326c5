from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SigninConfig(AppConfig):
    name = "apps.signin"
    verbose_name = _("sign-in")

    def ready(self) -> None:
        from allauth.usersessions.models import UserSession
        from django.contrib.sessions.models import Session

        from apps.notifications.links import register_link
        from apps.signin import receivers
        from apps.signin.password_links import password_link
        from apps.signin.session_keys import keep_digests

        register_link("password_link", password_link)
        receivers.connect()
        keep_digests(Session)
        keep_digests(UserSession)
