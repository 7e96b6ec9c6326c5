from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.audit.admin_base import HistoryAdmin
from apps.jobs.models import Job


@admin.register(Job)
class JobAdmin(HistoryAdmin):
    """What workers did and are doing. Jobs are started and stopped where they belong, and what came
    of them is shown there, to whom it concerns."""

    list_display = ["title", "kind", "shown_status", "progress", "created_by", "created_at"]
    list_filter = ["status", "kind", "created_at"]
    list_select_related = ["created_by"]
    search_fields = ["title"]
    fields = [
        ("title", "kind", "created_by"),
        ("status", "phase", "problem"),
        ("done", "total", "attempts", "cancel_requested"),
        ("created_at", "started_at", "heartbeat_at", "finished_at"),
    ]

    @display(
        description=_("status"),
        label={"succeeded": "success", "failed": "danger", "running": "info"},
        ordering="status",
    )
    def shown_status(self, job: Job) -> tuple[str, str]:
        return job.status, job.get_status_display()

    @display(description=_("progress"))
    def progress(self, job: Job) -> str:
        return f"{job.percent} %"
