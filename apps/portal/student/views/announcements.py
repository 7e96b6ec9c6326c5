"""What class representatives write to their class: to read for all, to write for them."""

from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.models import Student
from apps.accounts.requests import request_student, request_user
from apps.announcements.models import Announcement
from apps.announcements.selectors import classmates, received_by, section_of, sent_by, with_readers
from apps.announcements.services import announcement_send
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden, Refused
from apps.portal.shared.pages import check_limit, portal_page
from apps.portal.student.forms import AnnouncementForm

PAGE: Final = 20


@require_GET
@portal_page
def announcements(request: HttpRequest) -> HttpResponse:
    """What the class was told; for representatives also what they sent, and how far it got."""
    student = request_student(request)
    is_sent = student.is_representative and request.GET.get("show") != "received"
    rows = (
        with_readers(sent_by(student=student))
        if is_sent
        else received_by(user=request_user(request))
    )
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    labels = dict(Announcement.Status.choices)
    context = {
        "student": student,
        "is_sent": is_sent,
        "page_obj": page,
        # `status` is no field but computed: it has no get_status_display.
        "shown": [(row, labels.get(getattr(row, "status", ""), "")) for row in page],
    }
    return render(request, "portal/student/announcements.html", context)


def _reach(student: Student) -> dict[str, Any]:
    """Whom the next announcement reaches."""
    section = section_of(student=student)
    people = list(classmates(section=section, except_for=student)) if section else []
    return {"section": section, "people": people}


@require_http_methods(["GET", "POST"])
@portal_page
def write(request: HttpRequest) -> HttpResponse:
    """Write, look at it with whom it reaches, then send."""
    student = request_student(request)
    if not student.is_representative:
        raise Forbidden(
            "not_a_representative", _("Only class representatives may write to their class.")
        )
    form = AnnouncementForm(request.POST if request.method == "POST" else None)
    step = request.POST.get("step", "")
    if form.is_valid() and step == "send":
        answer = _send(request, student, form)
        if answer is not None:
            return answer
    context = {
        "form": form,
        "is_preview": form.is_bound and form.is_valid() and step != "edit",
        **_reach(student),
    }
    is_wrong = bool(form.errors) and step != "edit"
    template = "portal/student/announcement_form.html"
    return render(request, template, context, status=422 if is_wrong else 200)


def _send(request: HttpRequest, student: Student, form: AnnouncementForm) -> HttpResponse | None:
    """To the list of what was sent; None where it was refused, which the form then says."""
    given = form.cleaned_data
    try:
        check_limit(request, "announcement")
        _announcement, made = announcement_send(
            student=student,
            title=given["title"],
            message=given["message"],
            nonce=given["nonce"],
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        form.add_error(None, refusal.message)
        return None
    if made:
        messages.success(request, _("Your announcement is on its way."))
    else:
        messages.info(request, _("This announcement was sent already."))
    return redirect("portal:announcements")
