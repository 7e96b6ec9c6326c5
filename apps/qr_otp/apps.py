from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QrOtpConfig(AppConfig):
    name = "apps.qr_otp"
    verbose_name = _("codes")

    def ready(self) -> None:
        from apps.qr_otp.resealing import MOVED_SECRETS, secrets_reseal
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_rows

        add_sealed_rows("codes", secrets_reseal)
        add_moved_rows("codes", MOVED_SECRETS)
