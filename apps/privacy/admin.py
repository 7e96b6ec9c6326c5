from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.models import Faculty, Student
from apps.audit.actors import request_actor
from apps.audit.admin_base import HistoryAdmin
from apps.audit.admin_single import SingleRowAdmin
from apps.common.errors import Refused
from apps.privacy.models import Consent, ErasureRequest, PrivacyRules, SearchPermission
from apps.privacy.selectors import person_of, problem_in, search_permission
from apps.privacy.services import (
    erasure_approve,
    erasure_ask,
    erasure_withdraw,
    person_export,
    search_permission_withdraw,
    search_permission_write,
)

MAY: Final = "privacy.add_erasurerequest"  # of the campus: its administrators


@admin.register(Consent)
class ConsentAdmin(HistoryAdmin):
    """Only students themselves give and withdraw consent."""

    list_display = ["student", "kind", "version", "given_at", "withdrawn_at"]
    list_filter = ["kind", "withdrawn_at"]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name"]


@admin.register(PrivacyRules)
class PrivacyRulesAdmin(SingleRowAdmin):
    """One row per campus; where it is missing the defaults hold."""

    list_display = ["__str__", "four_eyes", "erasure_waiting_days"]
    fieldsets = [
        (_("Erasure"), {"fields": ["erasure_waiting_days", "four_eyes"]}),
        (
            _("How long things are kept"),
            {
                "fields": [
                    "coordinates_hours",
                    "addresses_days",
                    "selfies_days",
                    "class_photos_hours",
                    "documents_days",
                    "faces_days",
                ]
            },
        ),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SearchPermission)
class SearchPermissionAdmin(HistoryAdmin):
    """The register of it: each version as it was written. The newest one counts."""

    list_display = ["version", "covers", "state", "purpose", "written_at", "withdrawn_at"]
    actions = ["withdraw"]
    written = [
        "covers",
        "purpose",
        "legal_basis",
        "assessed_on",
        "assessment_owner",
        "alternative",
        "reviewers",
        "retention_days",
        "cameras",
        "camera_notice",
    ]
    fields = ["version", "state", *written, "asked_anew", "written_at", "withdrawn_at"]
    readonly_fields = ["state"]

    @display(description=_("state"))
    def state(self, permission: SearchPermission) -> str:
        if permission.version != permission.newest:  # type: ignore[attr-defined]
            return gettext("replaced")
        problem = problem_in(permission)
        return str(problem.label) if problem else gettext("in force")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SearchPermission]:
        newest = SearchPermission.objects.order_by("-version").values("version")[:1]
        return super().get_queryset(request).annotate(newest=Subquery(newest))

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("privacy.add_searchpermission")

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else self.written

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        newest = search_permission()
        return {name: getattr(newest, name) for name in self.written} if newest else {}

    def save_model(
        self, request: HttpRequest, obj: SearchPermission, form: Any, change: bool
    ) -> None:
        values = {name: form.cleaned_data[name] for name in self.written}
        made = search_permission_write(now=timezone.now(), actor=request_actor(request), **values)
        obj.pk, obj._state.adding = made.pk, False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The service has written it."""

    @admin.action(
        description=_("Withdraw the newest: searching is switched off"), permissions=["withdraw"]
    )
    def withdraw(self, request: HttpRequest, queryset: QuerySet[SearchPermission]) -> None:
        if search_permission_withdraw(now=timezone.now(), actor=request_actor(request)):
            messages.success(request, gettext("Withdrawn: faces are searched no longer."))
        else:
            messages.warning(request, gettext("There was nothing to withdraw."))


class ErasureForm(forms.ModelForm):
    """A student or a faculty member; the other profile of the same person goes with it."""

    class Meta:
        model = ErasureRequest
        fields = ["student", "faculty"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if bool(data.get("student")) == bool(data.get("faculty")):
            raise forms.ValidationError(gettext("Choose one person."))
        return data


@admin.register(ErasureRequest)
class ErasureRequestAdmin(HistoryAdmin):
    """Asked here or by the person; approved by another administrator; done by a job."""

    list_display = ["asked_at", "student", "faculty", "state", "is_own", "due_at", "approved_at"]
    list_filter = ["status", "is_own"]
    list_select_related = ["student", "faculty"]
    actions = ["approve", "withdraw"]
    autocomplete_fields = ["student", "faculty"]
    fields = [
        ("student", "faculty"),
        ("status", "is_own"),
        ("asked_at", "due_at"),
        ("needs_approval", "approved_at"),
        "ended_at",
        "proof",
        "proof_sha256",
    ]

    @display(
        description=_("status"),
        ordering="status",
        label={"waiting": "warning", "done": "success", "withdrawn": "info"},
    )
    def state(self, erasure: ErasureRequest) -> tuple[str, str]:
        return erasure.status, erasure.get_status_display()

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm(MAY)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = ErasureForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ["student", "faculty"]

    def save_model(
        self, request: HttpRequest, obj: ErasureRequest, form: Any, change: bool
    ) -> None:
        asked = erasure_ask(
            person=person_of(student=obj.student, faculty=obj.faculty),
            own=False,
            now=timezone.now(),
            actor=request_actor(request),
        )
        obj.pk, obj._state.adding = asked.pk, False
        obj.asked_at = asked.asked_at

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The service has written it."""

    @admin.action(description=_("Approve"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[ErasureRequest]) -> None:
        self._each(request, queryset, erasure_approve, gettext("Approved: %(count)d."))

    @admin.action(description=_("Withdraw: nothing is erased"), permissions=["decide"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[ErasureRequest]) -> None:
        self._each(request, queryset, erasure_withdraw, gettext("Withdrawn: %(count)d."))

    def _each(self, request: HttpRequest, rows: Any, act: Any, done: str) -> None:
        count = 0
        for row in rows:
            try:
                act(request=row, now=timezone.now(), actor=request_actor(request))
            except Refused as refusal:
                messages.warning(request, f"{row}: {refusal.message}")
            else:
                count += 1
        if count:
            messages.success(request, done % {"count": count})


@admin.action(description=_("Export everything that is kept of one person"), permissions=["export"])
def export_person(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """What a campus keeps of somebody, for handing it to them: a ZIP."""
    people = list(queryset[:2])
    if len(people) != 1:
        messages.warning(request, gettext("Choose one person."))
        return None
    [row] = people
    person = person_of(**{"student" if isinstance(row, Student) else "faculty": row})
    data = person_export(person=person, own=False, now=timezone.now(), actor=request_actor(request))
    return HttpResponse(
        data,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="person-{row.pk}.zip"',
            "Cache-Control": "no-store",
        },
    )


def has_export_permission(request: HttpRequest) -> bool:
    return request.user.has_perm(MAY)


def offer_exports() -> None:
    """On the lists of people, which are of an app that knows nothing of exports."""
    for model in (Student, Faculty):
        people: Any = admin.site.get_model_admin(model)
        people.actions = [*people.actions, export_person]
        people.has_export_permission = has_export_permission


offer_exports()
