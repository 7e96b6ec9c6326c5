"""Passkeys on the page and in the list of students: the page of `accounts`, and they."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.admin.people import STATE, StudentAdmin
from apps.accounts.models import Student
from apps.accounts.writes import Writer, refuse_account
from apps.audit.actors import request_actor
from apps.common.errors import Refused
from apps.signin.passkeys import student_passkeys
from apps.signin.services.passkeys import passkey_remove


class PasskeyStudentAdmin(StudentAdmin):
    actions = [*StudentAdmin.actions, "remove_passkeys"]
    fieldsets = [
        *StudentAdmin.fieldsets[:-1],
        (_("Passkeys"), {"fields": ["passkeys"]}),
        STATE,
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "passkeys"]

    @admin.display(description=_("for this campus's addresses"))
    def passkeys(self, student: Any) -> str:
        """Names, hosts and days; never what could be used of them."""
        return "\n".join(
            gettext("%(name)s: %(host)s, added on %(day)s, %(kind)s")
            % {
                "name": one.name,
                "host": one.rp_id,
                "day": f"{one.added_at:%Y-%m-%d}",
                "kind": gettext("may be copied") if one.synced else gettext("stays on one device"),
            }
            for one in student_passkeys(student=student)
        )

    @admin.action(
        description=_("Remove the passkeys for this campus's addresses"), permissions=["reset"]
    )
    def remove_passkeys(self, request: HttpRequest, queryset: QuerySet[Student]) -> None:
        now, actor, removed = timezone.now(), request_actor(request), 0
        for student in queryset:
            try:
                refuse_account(Writer(request.user), student.user_id)
            except Refused as refusal:
                messages.warning(request, f"{student}: {refusal.message}")
                continue
            for passkey in student_passkeys(student=student):
                passkey_remove(
                    student=student,
                    passkey_id=passkey.id,
                    reason=gettext("Removed in the administration"),
                    now=now,
                    actor=actor,
                )
                removed += 1
        messages.success(request, gettext("Passkeys removed: %(count)d.") % {"count": removed})


admin.site.unregister(Student)
admin.site.register(Student, PasskeyStudentAdmin)
