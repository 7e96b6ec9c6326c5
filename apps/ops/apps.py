from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OpsConfig(AppConfig):
    name = "apps.ops"
    verbose_name = _("operations")

    def ready(self) -> None:
        from apps.ops import deploy_checks  # noqa: F401  (registers itself)
        from apps.ops.diagnosis.own import add_own_checks
        from apps.ops.panels import add_panels

        add_own_checks()
        add_panels()
