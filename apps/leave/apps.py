from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LeaveConfig(AppConfig):
    name = "apps.leave"
    verbose_name = _("leave")

    def ready(self) -> None:
        from apps.attendance import registry
        from apps.leave.selectors import students_on_leave

        registry.add_excuse(students_on_leave)
