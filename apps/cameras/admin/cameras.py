"""Cameras, what they saw, and the gallery of unknown people. No picture is shown on a list: each is
opened on the page that asks why."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from apps.accounts.models import Student
from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.audit.admin_secrets import ShownSecret, show_secrets
from apps.cameras.admin.searching import PhotoSearchPages
from apps.cameras.models import (
    Camera,
    CameraEvent,
    CameraFrame,
    CameraSystemEvent,
    UnknownPerson,
)
from apps.cameras.services.cameras import camera_add, camera_key_replace
from apps.cameras.services.unknown import (
    unknown_dismiss,
    unknown_merge,
    unknown_name,
    unknown_split,
)
from apps.common.errors import Invalid, Refused
from apps.tenants.addresses import asked_host, campus_url

Row = UnknownPerson | CameraEvent


def photo_link(row: Row) -> str:
    """To the page that asks for a reason and writes down who looks."""
    if row.image_id is None:
        return "–"
    page = reverse("admin:biometrics_storedimage_look", args=[row.image_id])
    return format_html('<a href="{}">{}</a>', page, gettext("Look at the photo"))


@admin.register(Camera)
class CameraAdmin(CampusModelAdmin):
    list_display = ["name", "classroom", "is_active", "keeps_unknown", "heard_at"]
    list_filter = ["is_active", "keeps_unknown", "auto_register"]
    list_select_related = ["classroom__building"]
    search_fields = ["name"]
    autocomplete_fields = ["classroom"]
    actions = ["replace_key"]
    fields = [
        ("name", "classroom", "is_active"),
        "every",
        ("known_seconds", "unknown_seconds"),
        ("keeps_snapshots", "keeps_unknown", "auto_register"),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """One that has seen somebody is switched off instead."""
        seen = obj is not None and CameraEvent.objects.filter(camera=obj).exists()
        return not seen and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.new_key = camera_add(obj, now=timezone.now(), actor=request_actor(request))

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The service has written it."""

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: Any = None
    ) -> HttpResponse:
        """Its key, once, on a page of its own that no browser keeps."""
        return self._keys(request, [(obj, obj.new_key)])

    @action(description=_("Replace the key"), permissions=["change"])
    def replace_key(self, request: HttpRequest, queryset: QuerySet[Camera]) -> HttpResponse:
        actor, now = request_actor(request), timezone.now()
        return self._keys(
            request,
            [(one, camera_key_replace(camera=one, now=now, actor=actor)) for one in queryset],
        )

    def _keys(self, request: HttpRequest, rows: list[tuple[Camera, str]]) -> HttpResponse:
        api = campus_url("/api/v1/cameras", host=asked_host(request))
        addresses = [("", f"POST {api}/{name}") for name in ("frames", "events")]
        return show_secrets(
            self,
            request,
            title=gettext("Keys of cameras"),
            said=gettext(
                "Each is shown this once. Whoever has it can send pictures as this camera: give it "
                "to the device alone, and replace it if it was seen."
            ),
            secrets=[
                ShownSecret(name=one.name, lines=[("", key), *addresses]) for one, key in rows
            ],
            back=gettext("Back to the cameras"),
        )


@admin.register(CameraEvent)
class CameraEventAdmin(HistoryAdmin):
    """What was seen. Some sightings of an unknown person can be told to be somebody else's."""

    list_display = ["at", "camera", "kind", "student", "unknown", "session", "confidence", "photo"]
    list_filter = [
        "event_type",
        "camera",
        "at",
        ("unknown", AutocompleteSelectFilter),
    ]
    list_select_related = ["camera", "student", "unknown", "session__course__subject"]
    search_fields = ["student__code", "student__full_name"]
    readonly_fields = ["photo"]
    actions = ["split"]
    fields = [
        ("at", "camera", "event_type"),
        ("student", "unknown", "session"),
        ("confidence", "bulk", "key"),
        "photo",
    ]

    @display(
        description=_("type"),
        ordering="event_type",
        label={"recognized": "success", "unknown": "warning", "auto_register": "info"},
    )
    def kind(self, event: CameraEvent) -> tuple[str, str]:
        return event.event_type, event.get_event_type_display()

    @display(description=_("photo"))
    def photo(self, event: CameraEvent) -> str:
        return photo_link(event)

    def has_split_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("cameras.change_unknownperson")

    @action(description=_("Split off as another unknown person"), permissions=["split"])
    def split(self, request: HttpRequest, queryset: QuerySet[CameraEvent]) -> None:
        try:
            new = unknown_split(
                events=list(queryset), now=timezone.now(), actor=request_actor(request)
            )
        except (Invalid, Refused) as refusal:
            messages.warning(request, refusal.message)
        else:
            text = ngettext(
                "%(count)d sighting is of another unknown person now.",
                "%(count)d sightings are of another unknown person now.",
                new.seen_count,
            )
            messages.success(request, text % {"count": new.seen_count})


class NameForm(forms.ModelForm):
    """Who an unknown person is."""

    class Meta:
        model = UnknownPerson
        fields = ["student"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "student" in self.fields:
            self.fields["student"].required = True


@admin.register(UnknownPerson)
class UnknownPersonAdmin(PhotoSearchPages):
    """The gallery: look for a reason, then name, merge, or dismiss."""

    form = NameForm
    list_display = ["__str__", "state", "seen_count", "first_seen", "last_seen", "student", "photo"]
    list_filter = ["status", ("proposed_at", admin.EmptyFieldListFilter), "last_seen"]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name", "id"]
    autocomplete_fields = ["student"]
    actions = ["merge", "dismiss"]
    fields = [
        "student",
        "status",
        ("first_seen", "last_seen", "seen_count"),
        ("proposed_at", "sampled_at"),
        ("decided_by", "decided_at"),
        "photo",
    ]

    @display(
        description=_("status"),
        ordering="status",
        label={"open": "warning", "named": "success", "dismissed": "info"},
    )
    def state(self, person: UnknownPerson) -> tuple[str, Any]:
        return person.status, person.get_status_display()

    @display(description=_("photo"))
    def photo(self, person: UnknownPerson) -> str:
        return photo_link(person)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = ["status", "first_seen", "last_seen", "seen_count", "proposed_at", "sampled_at"]
        names += ["decided_by", "decided_at", "photo"]
        is_open = obj is not None and obj.status == UnknownPerson.Status.OPEN
        return names if is_open else ["student", *names]

    def save_model(self, request: HttpRequest, obj: UnknownPerson, form: Any, change: bool) -> None:
        """Choosing a student and saving says who it is."""
        student = form.cleaned_data.get("student")
        if not isinstance(student, Student):
            return
        sampled = unknown_name(
            person=UnknownPerson.objects.get(pk=obj.pk),
            student=student,
            now=timezone.now(),
            actor=request_actor(request),
        )
        if sampled:
            messages.success(request, gettext("The photo became a sample of this student."))
        else:
            messages.info(
                request, gettext("The photo becomes a sample when the student has agreed.")
            )

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The service has written it."""

    @action(description=_("Merge: they are one person"), permissions=["change"])
    def merge(self, request: HttpRequest, queryset: QuerySet[UnknownPerson]) -> None:
        try:
            first = unknown_merge(
                people=list(queryset), now=timezone.now(), actor=request_actor(request)
            )
        except (Invalid, Refused) as refusal:
            messages.warning(request, refusal.message)
        else:
            text = gettext("Merged: %(person)s was seen %(count)d times.")
            messages.success(request, text % {"person": first, "count": first.seen_count})

    @action(description=_("Dismiss: nobody to know"), permissions=["change"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[UnknownPerson]) -> None:
        actor, now, done = request_actor(request), timezone.now(), 0
        for person in queryset:
            try:
                unknown_dismiss(person=person, now=now, actor=actor)
            except Refused as refusal:
                messages.warning(request, f"{person}: {refusal.message}")
            else:
                done += 1
        if done:
            messages.success(request, gettext("Dismissed: %(count)d.") % {"count": done})


@admin.register(CameraSystemEvent)
class CameraSystemEventAdmin(HistoryAdmin):
    """When a camera was watched, and what kept it from it."""

    list_display = ["at", "camera", "event_type", "details"]
    list_filter = ["event_type", "camera", "at"]
    list_select_related = ["camera"]


@admin.register(CameraFrame)
class CameraFrameAdmin(HistoryAdmin):
    """Pictures that devices sent, and what became of them. The pictures themselves are gone."""

    list_display = ["received_at", "camera", "at", "status", "problem", "seen"]
    list_filter = ["status", "camera", "received_at"]
    list_select_related = ["camera"]
    fields = ["camera", "key", ("at", "received_at"), ("status", "problem", "starts"), "seen"]
