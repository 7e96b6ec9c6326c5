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
        from apps.signin.mfa import factors_reseal
        from apps.signin.panels import add_panels
        from apps.signin.password_links import password_link
        from apps.signin.session_keys import keep_digests
        from apps.tenants.rotation import add_sealed_rows

        register_link("password_link", password_link)
        add_sealed_rows("second factors", factors_reseal, platform=True)
        receivers.connect()
        keep_digests(Session)
        keep_digests(UserSession)
        add_panels()
