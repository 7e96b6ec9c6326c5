"""Searching the campus by a photo: the page that asks for it, and the one of whom it found."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin
from apps.biometrics.images import ImageRefused
from apps.cameras.selectors import faces_with_people
from apps.cameras.services.searching import SEARCH, search_start
from apps.common.errors import Refused
from apps.common.texts import validate_prose
from apps.jobs.models import Job


class SearchForm(forms.Form):
    """A photo, and why somebody wants to know whose face it shows."""

    photo = forms.FileField(
        label=_("Photo"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("JPEG, HEIC, PNG or WebP. It is deleted when it was searched."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        min_length=10,
        max_length=300,
        validators=[validate_prose],
        widget=UnfoldAdminTextInputWidget,
        help_text=_("It stands in the audit log with your name."),
    )


class PhotoSearchPages(CampusModelAdmin):
    """Beside the gallery of unknown people."""

    actions_list = ["search"]

    def get_urls(self) -> list[Any]:
        found = self.admin_site.admin_view(self.found_view)
        page = path("<uuid:job_id>/found/", found, name="cameras_unknownperson_found")
        return [page, *super().get_urls()]

    @action(description=_("Search by a photo"), url_path="search", permissions=["change"])
    def search(self, request: HttpRequest) -> HttpResponse:
        """Asks for a photo and a reason; a worker searches."""
        form = SearchForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            job = self._searched(request, form)
            if job is not None:
                return redirect("admin:cameras_unknownperson_found", job.pk)
        context = {"form": form, "title": gettext("Search by a photo"), "opts": self.opts}
        return self._rendered(request, "admin/cameras/search.html", context)

    def _searched(self, request: HttpRequest, form: SearchForm) -> Job | None:
        try:
            return search_start(
                photo=form.cleaned_data["photo"].read(),
                reason=form.cleaned_data["reason"],
                user_id=request.user.pk,
                now=timezone.now(),
                actor=request_actor(request),
            )
        except ImageRefused as refused:
            text = gettext("This photo cannot be used (%(why)s).")
            form.add_error("photo", text % {"why": refused.reason.value})
        except Refused as refused:
            form.add_error(None, refused.message)
        return None

    def found_view(self, request: HttpRequest, job_id: Any) -> HttpResponse:
        """Whom a search found, for who started it; while a worker is at it, that."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        job = Job.objects.filter(pk=job_id, kind=SEARCH, created_by=request.user.pk).first()
        if job is None:
            raise Http404
        if request.headers.get("HX-Request"):
            return HttpResponse(
                status=204, headers={"HX-Refresh": "true"} if job.is_finished else {}
            )
        faces, problem = [], job.problem
        try:
            faces = faces_with_people(job.result)
        except Refused as refused:  # withdrawn since
            problem = problem or refused.message
        context = {
            "job": job,
            "faces": faces,
            "is_anybody_named": any(face["students"] for face in faces),
            "problem": problem,
            "title": gettext("Search by a photo"),
            "opts": self.opts,
        }
        return self._rendered(request, "admin/cameras/found.html", context)

    def _rendered(
        self, request: HttpRequest, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        response = TemplateResponse(
            request, template, {**self.admin_site.each_context(request), **context}
        )
        response.headers["Cache-Control"] = "no-store"
        return response
