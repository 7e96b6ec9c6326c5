"""Who may look into other people's messages. Being a member is the default of every endpoint."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission

from apps.common.errors import Forbidden
from apps.notifications.models import MAY_RUN_THE_OUTBOX


class RunsTheOutbox(BasePermission):
    """Administrators and operators: those who may also retry deliveries."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        if request.user.has_perm(MAY_RUN_THE_OUTBOX):
            return True
        raise Forbidden("role_required", _("Your role does not allow this."))
