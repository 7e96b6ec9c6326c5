"""Timetable feeds in the administration: entered, read, looked at, saved or refused."""

import uuid
from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusInline, CampusModelAdmin, HistoryAdmin
from apps.timetable_feeds.forms import CodeForm, FeedForm
from apps.timetable_feeds.models import FeedCode, FeedMeeting, FeedRun, TimetableFeed
from apps.timetable_feeds.services import header_give, run_confirm, run_refuse, run_start
from apps.timetable_feeds.wording import WHAT, WHY

STATES: Final = {
    "running": "info",
    "checked": "info",
    "waiting": "warning",
    "refused": "info",
    "replaced": "info",
    "saved": "success",
    "failed": "danger",
}
SHOWN: Final = 100  # lines and wrong rows on the page of a reading


class FeedCodeInline(CampusInline):
    model = FeedCode
    form = CodeForm
    fields = ["kind", "theirs", "ours"]
    verbose_name_plural = _("what its names mean here")


@admin.register(TimetableFeed)
class TimetableFeedAdmin(CampusModelAdmin):
    form = FeedForm
    list_display = [
        "name",
        "format",
        "term",
        "department",
        "is_active",
        "is_nightly",
        "accepted_at",
    ]
    list_filter = ["format", "is_active", "is_nightly"]
    list_select_related = ["term", "department"]
    search_fields = ["name", "url"]
    actions = ["compare"]
    inlines = [FeedCodeInline]
    fieldsets = [
        (None, {"fields": ["name", "format", "is_active"]}),
        (_("Where it comes from"), {"fields": ["file", "url", "header", "value", "is_nightly"]}),
        (
            _("What it covers"),
            {"fields": ["term", "covers_from", "covers_until", "is_window", "department"]},
        ),
        (_("How it is read"), {"fields": ["share", "first_weekday", "their_term"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and not form.changed_data:
            return  # nothing to note in the log, not even another time of its last change
        obj.pk = obj.pk or uuid.uuid4()  # Django's forms of the codes have taken it away
        if value := form.cleaned_data.get("value"):
            header_give(obj, value)
        if not obj.header:
            obj.sealed_header = None
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The file is read by the codes that were entered with it."""
        super().save_related(request, form, formsets, change)
        if file := form.cleaned_data.get("file"):
            run_start(
                feed=form.instance,
                commit=False,
                user_id=request.user.pk,
                now=timezone.now(),
                actor=request_actor(request),
                filename=file.name,
                data=file.read(),
            )

    def response_add(self, request: HttpRequest, obj: Any, *args: Any, **kwargs: Any) -> Any:
        return self._to_run(request, obj) or super().response_add(request, obj, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: Any) -> Any:
        return self._to_run(request, obj) or super().response_change(request, obj)

    def _to_run(self, request: HttpRequest, obj: TimetableFeed) -> HttpResponse | None:
        """The reading of the file that was just sent."""
        if not request.FILES.get("file"):
            return None
        run = obj.runs.defer("sealed_file").order_by("-created_at")[0]
        return self._reading(request, run)

    @action(description=_("Read and compare (a dry run)"), permissions=["change"])
    def compare(self, request: HttpRequest, queryset: QuerySet[TimetableFeed]) -> Any:
        for feed in queryset[:1]:
            run = run_start(
                feed=feed,
                commit=False,
                user_id=request.user.pk,
                now=timezone.now(),
                actor=request_actor(request),
            )
            return self._reading(request, run)
        return None

    @staticmethod
    def _reading(request: HttpRequest, run: FeedRun) -> HttpResponse:
        messages.success(request, gettext("It is being read. The page shows how it ended."))
        return redirect(reverse("admin:timetable_feeds_feedrun_change", args=[run.pk]))


@admin.register(FeedRun)
class FeedRunAdmin(HistoryAdmin):
    """What each reading found, and the one that waits."""

    list_display = [
        *("created_at", "feed", "shown_status", "counts", "at_stake", "missing", "created_by"),
        "problem",
    ]
    list_filter = ["status", "created_at"]
    list_select_related = ["feed", "created_by"]
    search_fields = ["feed__name", "problem", "filename"]
    actions = ["save_it", "refuse"]
    readonly_fields = ["counts", "at_stake", "covered", "names", "lines", "wrong", "missing_of"]
    fields = [
        *("feed", "status", "problem", "filename", "commit", "covered", "counts", "at_stake"),
        *("missing_of", "names", "lines", "wrong", "created_by", "created_at", "finished_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FeedRun]:
        found: QuerySet[FeedRun] = super().get_queryset(request).defer("sealed_file")
        return found

    @display(description=_("status"), ordering="status", label=STATES)
    def shown_status(self, run: FeedRun) -> tuple[str, Any]:
        return run.status, run.get_status_display()

    @display(description=_("what changes"))
    def counts(self, run: FeedRun) -> str:
        found = run.result.get("counts", {})
        parts = [f"{WHAT[what]}: {found[what]}" for what in WHAT if found.get(what)]
        if run.result:
            parts.append(gettext("as before: %(n)d") % {"n": run.result.get("unchanged", 0)})
        return ", ".join(map(str, parts)) or "–"

    @display(description=_("marks at stake"))
    def at_stake(self, run: FeedRun) -> str:
        sessions = run.result.get("counts", {}).get("stake", 0)
        if not sessions:
            return "–"
        marks = run.result.get("marks", 0)
        text = ngettext("%(n)d session (%(m)d marks)", "%(n)d sessions (%(m)d marks)", sessions)
        return text % {"n": sessions, "m": marks}

    @display(description=_("what it covers"))
    def covered(self, run: FeedRun) -> str:
        if not run.result:
            return "–"
        text = gettext(
            "%(first)s – %(last)s. Rows: %(rows)d, not of its courses: %(outside)d, meetings on "
            "days off: %(holidays)d, over: %(past)d."
        )
        return text % {"past": 0, **run.result}

    @display(description=_("missing"))
    def missing_of(self, run: FeedRun) -> str:
        text = gettext("%(missing)d of the %(ahead)d meetings that were still to come")
        said = text % {"missing": run.missing, "ahead": run.result.get("ahead", 0)}
        if run.result.get("is_first") and run.status != FeedRun.Status.SAVED:
            said += ". " + gettext("The first reading of a feed waits for a person.")
        return said

    @display(description=_("other names there"))
    def names(self, run: FeedRun) -> str:
        return _lines([f"{before} → {after}" for before, after in run.result.get("renamed", [])])

    @display(description=_("meetings"))
    def lines(self, run: FeedRun) -> str:
        return _lines([_sentence(line) for line in run.result.get("lines", [])])

    @display(description=_("wrong rows"))
    def wrong(self, run: FeedRun) -> str:
        rows = [f"{row['place']} “{row['value']}”: {row['reason']}" for row in run.problems]
        return _lines(rows)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("timetable_feeds.change_timetablefeed"))

    @action(description=_("Save what it would change"), permissions=["decide"])
    def save_it(self, request: HttpRequest, queryset: QuerySet[FeedRun]) -> Any:
        run = self._chosen(request, queryset)
        if run is None:
            return None
        run_confirm(
            run=run,
            missing=run.missing,
            user_id=request.user.pk,
            now=timezone.now(),
            actor=request_actor(request),
        )
        messages.success(request, gettext("It is compared again and saved."))
        return redirect(reverse("admin:timetable_feeds_feedrun_change", args=[run.pk]))

    @action(description=_("Refuse it"), permissions=["decide"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[FeedRun]) -> None:
        run = self._chosen(request, queryset)
        if run is not None:
            run_refuse(run=run, now=timezone.now(), actor=request_actor(request))
            messages.success(request, gettext("Nothing of it is saved."))

    @staticmethod
    def _chosen(request: HttpRequest, queryset: QuerySet[FeedRun]) -> FeedRun | None:
        chosen = list(queryset[:2])
        if len(chosen) == 1:
            return chosen[0]
        messages.error(request, gettext("Tick one reading."))
        return None


def _sentence(line: dict[str, Any]) -> SafeString:
    said = f"{line['at']} {line['course']}: {WHAT[line['what']]}"
    if line["to"]:
        said += f" → {line['to']}"
    if line["why"]:
        said += f" ({WHY.get(line['why'], line['why'])})"
    if line["marks"]:
        said += " · " + ngettext("%(n)d mark", "%(n)d marks", line["marks"]) % {"n": line["marks"]}
    return format_html("{}", said)


def _lines(rows: list[Any]) -> str:
    more = [("…",)] if len(rows) > SHOWN else []
    return format_html_join("", "<div>{}</div>", [(row,) for row in rows[:SHOWN]] + more) or "–"


@admin.register(FeedMeeting)
class FeedMeetingAdmin(HistoryAdmin):
    """What a feed is known to have said: nothing that it repeats is saved again."""

    list_display = ["starts_at", "called", "course", "feed", "classroom", "faculty", "is_withdrawn"]
    list_filter = ["is_withdrawn", "starts_at"]
    list_select_related = ["feed", "course__subject", "classroom__building", "faculty"]
    search_fields = ["called", "key", "course__code"]
