"""Make a campus with its domain and first administrator."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.ops.first_hour.campuses import campus_create
from apps.signin.management.operator import command_line_actor
from apps.signin.password_links import password_link
from apps.tenants.scope import campus_scope


class Command(CampusCommand):
    help = (
        "Make a campus with its domain and its first administrator, who gets an e-mail with a "
        "link to choose a password; the link is printed too, since mail may not work yet."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name: lower-case letters, digits and hyphens")
        parser.add_argument("--name", required=True, help="as people read it")
        parser.add_argument("--host", required=True, help="host name, without https:// and port")
        parser.add_argument("--time-zone", default="UTC", help="IANA name, such as Asia/Kolkata")
        parser.add_argument("--admin", required=True, help="e-mail of its first administrator")
        parser.add_argument("--admin-name", default="", help="how the administrator is called")
        parser.add_argument(
            "--email-domain", action="append", default=[], help="of its people; repeatable"
        )

        parser.add_argument(
            "--language",
            choices=[code for code, _name in settings.LANGUAGES],
            default="",
            help="in which it writes to people who have chosen none",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus, admin = campus_create(
                slug=options["slug"],
                name=options["name"],
                host=options["host"],
                time_zone=options["time_zone"],
                email_domains=[name.lower() for name in options["email_domain"]],
                admin_email=options["admin"],
                admin_name=options["admin_name"],
                language=options["language"],
                now=timezone.now(),
                actor=command_line_actor(),
            )
        except Refused as refusal:
            fields = refusal.extra.get("fields", {})
            named = [f"{name}: {' '.join(problems)}" for name, problems in fields.items()]
            raise CommandError("\n".join(named) or str(refusal.message)) from refusal
        self.stdout.write(f"{campus.name} is at {options['host']}.")
        if admin is None:
            self.stdout.write(f"The owner of {options['admin']} was invited and has to accept.")
        elif admin.has_usable_password():
            self.stdout.write(f"{admin.email} administers it, with the password that is known.")
        else:
            with campus_scope(campus):
                link = password_link(admin.pk, {"host": options["host"]})
            self.stdout.write(f"{admin.email} chooses a password, once, within three days:")
            self.stdout.write(link)
