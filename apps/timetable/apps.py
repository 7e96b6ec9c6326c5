from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TimetableConfig(AppConfig):
    name = "apps.timetable"
    verbose_name = _("timetable")

    def ready(self) -> None:
        from apps.sessions.days_off import add_calendar
        from apps.timetable.personal_data import register
        from apps.timetable.selectors.holidays import off_holidays

        add_calendar(off_holidays)
        register()
