from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LeaveConfig(AppConfig):
    name = "apps.leave"
    verbose_name = _("leave")

    def ready(self) -> None:
        from apps.attendance import registry
        from apps.leave.attachments import attachment_files
        from apps.leave.personal_data import register
        from apps.leave.selectors import students_on_leave
        from apps.tenants.rotation import add_sealed_files

        registry.add_excuse(students_on_leave)
        add_sealed_files("attachments", attachment_files)
        register()
