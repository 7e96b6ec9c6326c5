"""Django's `createsuperuser`, written down in the platform's audit log."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import platform_account_record
from apps.signin.management.operator import command_line_actor


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> Any:
        known = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
        answer = super().handle(*args, **options)
        for user in User.objects.filter(is_superuser=True).exclude(pk__in=known):
            platform_account_record(
                user=user,
                action="accounts.super_admin.made",
                now=timezone.now(),
                actor=command_line_actor(),
                email=user.email,
            )
        return answer
