"""Django's `changepassword`, with the sessions ended and written in the platform's audit log."""

from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.core.management import CommandError
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import platform_account_record, sessions_end
from apps.signin.management.operator import command_line_actor
from apps.signin.middleware import sign_library_write


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> Any:
        if not options["username"]:
            raise CommandError("Say whose password: manage.py changepassword E-MAIL")
        with connection.execute_wrapper(sign_library_write):
            answer = super().handle(*args, **options)
        user = User.objects.get(email=options["username"])
        with transaction.atomic():  # not around the questions: no lock waits for somebody's typing
            sessions_end(user=user)
            platform_account_record(
                user=user,
                action="accounts.password.set",
                now=timezone.now(),
                actor=command_line_actor(),
            )
        return answer
