from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QrOtpConfig(AppConfig):
    name = "apps.qr_otp"
    verbose_name = _("codes")
