"""Messages to people about their account. Sent by a worker, after the change is saved."""

from celery import shared_task
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.tenants.models import Campus
from apps.tenants.tasks import CampusTask


@shared_task(base=CampusTask)
def notify_device_changed(student_id: int) -> None:
    """Tell a student that their device was released or replaced, in their language."""
    student = Student.objects.select_related("user").filter(pk=student_id).first()
    if student is None or not student.email:
        return
    language = student.user.language if student.user else ""
    campus = Campus.objects.get(pk=student.campus_id)
    with translation.override(language or None):
        text = render_to_string("emails/device_changed.txt", {"student": student, "campus": campus})
        send_mail(_("Your device was released"), text, None, [student.email])
