from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TimetableFeedsConfig(AppConfig):
    name = "apps.timetable_feeds"
    verbose_name = _("Timetable feeds")

    def ready(self) -> None:
        from apps.jobs.registry import add_job
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns
        from apps.timetable.registry import add_planner
        from apps.timetable_feeds.models import READ, FeedRun, TimetableFeed
        from apps.timetable_feeds.panels import add_panels
        from apps.timetable_feeds.personal_data import register
        from apps.timetable_feeds.selectors import FILE_SEAL, HEADER_SEAL, courses_of_feeds
        from apps.timetable_feeds.services.jobs import read, read_ended

        add_job(READ, read, ended=read_ended, waits_for_others=True)
        add_planner(courses_of_feeds)
        header = SealedColumns(
            model=TimetableFeed,
            columns=("sealed_header",),
            purpose=HEADER_SEAL,
            bound_to="id",
        )
        file = SealedColumns(
            model=FeedRun, columns=("sealed_file",), purpose=FILE_SEAL, bound_to="id"
        )
        add_sealed_columns("timetable feeds", header)
        add_sealed_columns("files of timetable feeds", file)
        register()
        add_panels()
