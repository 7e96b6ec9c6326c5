from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QrOtpConfig(AppConfig):
    name = "apps.qr_otp"
    verbose_name = _("codes")

    def ready(self) -> None:
        from apps.qr_otp.models import QrSecret
        from apps.qr_otp.selectors import QR_SEAL, secret_forget
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns

        sealed = SealedColumns(
            model=QrSecret,
            columns=("sealed_secret",),
            purpose=QR_SEAL,
            bound_to="subject",
            renewed=secret_forget,
        )
        add_sealed_columns("codes", sealed)
