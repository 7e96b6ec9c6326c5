"""Learning in the administration: the switch, what was learned and can be taken back, the drift."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.audit.actors import request_actor
from apps.audit.admin_base import HistoryAdmin
from apps.audit.admin_single import SingleRowAdmin
from apps.learning.models import FaceDrift, LearnedSample, LearningSetting
from apps.learning.services import learned_take_back


@admin.register(LearningSetting)
class LearningSettingAdmin(SingleRowAdmin):
    """One row a campus; without it nothing is learned."""

    list_display = ["__str__", "is_on"]
    list_display_links = ["__str__"]


@admin.register(LearnedSample)
class LearnedSampleAdmin(HistoryAdmin):
    """The photo is opened under “Samples”, for a reason."""

    list_display = ["learned_at", "student", "sample", "distance"]
    list_filter = ["learned_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student", "sample__student"]
    search_fields = ["student__code", "student__full_name"]
    actions = ["take_back"]

    @admin.action(description=gettext_lazy("Take back"), permissions=["take_back"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[LearnedSample]) -> None:
        actor, now = request_actor(request), timezone.now()
        found = list(queryset.filter(sample__isnull=False).select_related("sample"))
        for learned in found:
            learned_take_back(learned=learned, actor=actor, now=now)
        messages.success(request, _("Taken back: %(count)d.") % {"count": len(found)})

    def has_take_back_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("biometrics.delete_facesample")


@admin.register(FaceDrift)
class FaceDriftAdmin(HistoryAdmin):
    """Who is soon not recognized any more comes first."""

    list_display = ["student", "state", "matches", "earlier", "lately", "measured_at"]
    list_filter = ["measured_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name"]

    @display(
        description=gettext_lazy("state"),
        label={"near": "danger", "drifting": "warning", "steady": "success"},
    )
    def state(self, drift: FaceDrift) -> tuple[str, str]:
        if drift.is_near_the_limit:
            return "near", _("near the limit: ask for new photos")
        return ("drifting", _("drifting")) if drift.is_drifting else ("steady", _("steady"))
