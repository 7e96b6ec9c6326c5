"""Make a new account that administers the platform."""

import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.accounts.models import User
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.ops.first_hour.campuses import super_admin_create
from apps.signin.management.operator import command_line_actor


def asked_password() -> str:
    """Typed twice and not shown; one line of the input where that is no terminal."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password (at least 15 characters): ")
    if getpass.getpass("Password, once more: ") != password:
        raise CommandError("The two passwords are not the same.")
    return password


class Command(CampusCommand):
    help = (
        "Make a new account that administers the platform. The password is asked for, or read "
        "from the standard input; `super_admin` raises an account that exists."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="how the person is called")

    def handle(self, *args: Any, **options: Any) -> None:
        email, name = options["email"].strip().lower(), options["name"]
        password = asked_password()
        try:
            validate_password(password, User(email=email, name=name))
            user = super_admin_create(
                email=email,
                password=password,
                name=name,
                now=timezone.now(),
                actor=command_line_actor(),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        self.stdout.write(f"{user.email} is a platform administrator.")
        self.stdout.write("Sign in at /accounts/login/ and set up a second factor there.")
