from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MovingConfig(AppConfig):
    name = "apps.moving"
    verbose_name = _("moving and removing campuses")

    def ready(self) -> None:
        from apps.moving import checks
        from apps.ops.diagnosis import HealthCheck, add_check

        label = _("Campuses to be removed")
        add_check(
            HealthCheck(
                name="removals",
                label=label,
                run=checks.look_at_removals,
                run_quick=checks.count_removals,
            )
        )
