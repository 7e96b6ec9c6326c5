"""Make an account a platform administrator, or end that."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import super_admin_set
from apps.audit.services import SYSTEM
from apps.common.commands import CampusCommand


class Command(CampusCommand):
    help = (
        "Make an existing account an administrator of the whole platform. No page does this; "
        "`createsuperuser` makes a new account that is one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--end", action="store_true", help="take it away instead")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        user = User.objects.filter(email=email).first()
        if user is None:
            raise CommandError(f"No account has the address {email}.")
        is_super = not options["end"]
        super_admin_set(user=user, is_super=is_super, now=timezone.now(), actor=SYSTEM)
        what = "is" if is_super else "is no longer"
        self.stdout.write(f"{email} {what} a platform administrator.")
