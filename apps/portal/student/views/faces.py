"""Enrolling the own face: three photos, one after the other, each judged by a worker."""

from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.models import Student
from apps.accounts.requests import request_student
from apps.audit.actors import request_actor
from apps.biometrics.models import FaceSample
from apps.biometrics.reasons import SampleReason
from apps.biometrics.selectors import samples_of
from apps.biometrics.services import sample_add, sample_remove
from apps.common.errors import NotFound, Refused
from apps.portal.shared.pages import check_limit, portal_page
from apps.portal.student.forms import FacePhotoForm
from apps.privacy.models import Consent
from apps.privacy.selectors import active_consent
from apps.tenants.middleware import request_campus

POSES: Final = ("front", "left", "right")
# The next pose waits for the photo before it, but not for a worker that does not come.
WORKER_GETS: Final = timedelta(seconds=20)

Status = FaceSample.Status


def _state(student: Student, form: FacePhotoForm) -> dict[str, Any]:
    """The photos, oldest first, and which pose comes next: as many as were not refused."""
    now = timezone.now()
    samples = list(samples_of(student=student))[::-1]
    kept = [sample for sample in samples if sample.status != Status.REFUSED]
    pending = [sample for sample in kept if sample.status == Status.PENDING]
    is_judged = any(sample.created_at > now - WORKER_GETS for sample in pending)
    rows = [
        {
            "sample": sample,
            "why": SampleReason(sample.reason).label if sample.reason else "",
        }
        for sample in samples
    ]
    done = len(kept)
    return {
        "form": form,
        "photos": rows,
        "steps": [{"pose": pose, "is_done": n < done} for n, pose in enumerate(POSES)],
        "pose": POSES[done] if done < len(POSES) else "",
        "number": done + 1,
        "is_judged": is_judged,
        "is_pending": bool(pending),
        "accepted": len(kept) - len(pending),
        # After a refusal the same pose is asked for again, with the reason.
        "retake": rows[-1]["why"] if rows and samples[-1].status == Status.REFUSED else "",
    }


def _show(request: HttpRequest, student: Student, form: FacePhotoForm) -> HttpResponse:
    """The page, or the part of it that changes; 422 where the photo was not taken."""
    name = "_face_state" if request.htmx else "face"  # type: ignore[attr-defined]
    context = {"is_on": True, "consent": True, **_state(student, form)}
    status = 422 if form.errors else 200
    return render(request, f"portal/student/{name}.html", context, status=status)


@require_http_methods(["GET", "POST"])
@portal_page
def face(request: HttpRequest) -> HttpResponse:
    """Three poses by camera or upload; says what is missing where faces are not used yet."""
    student = request_student(request)
    is_on = request_campus(request).face_enabled
    consent = active_consent(student=student, kind=Consent.Kind.FACE) if is_on else None
    if request.method == "GET":
        if consent is None:
            context = {"is_on": is_on, "consent": None}
            return render(request, "portal/student/face.html", context)
        return _show(request, student, FacePhotoForm())
    form = FacePhotoForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            check_limit(request, "face_sample")
            sample_add(
                student=student,
                data=form.cleaned_data["photo"],
                now=timezone.now(),
                actor=request_actor(request),
            )
        except Refused as refusal:
            form.add_error("photo", refusal.message)
    if consent is None:  # the service has refused
        return redirect("portal:face")
    if form.errors or request.htmx:  # type: ignore[attr-defined]
        return _show(request, student, form if form.errors else FacePhotoForm())
    return redirect("portal:face")


@require_POST
@portal_page
def remove(request: HttpRequest, sample_id: int) -> HttpResponse:
    """Delete an own photo and what was computed from it."""
    student = request_student(request)
    sample = samples_of(student=student).filter(pk=sample_id).first()
    if sample is None:
        raise NotFound("no_such_sample", _("There is no such photo."))
    sample_remove(sample=sample, actor=request_actor(request), now=timezone.now())
    if request.htmx:  # type: ignore[attr-defined]
        return _show(request, student, FacePhotoForm())
    messages.success(request, _("The photo is deleted."))
    return redirect("portal:face")
