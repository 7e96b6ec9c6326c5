"""`manage.py load_demo`: a made-up campus to look around in."""

from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import CommandError
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.demo.loader import Loaded, SignIn, demo_problems, load_demo

HEADINGS: Final = ("Role", "Class", "Name", "E-mail", "Password")


class Command(CampusCommand):
    help = (
        "Load the demo campus and print sign-ins of every role, once. A second run changes "
        "nothing. Production settings do not install it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campus", default="demo", help="Short name of the demo campus.")
        parser.add_argument(
            "--reset-passwords",
            action="store_true",
            help="Give the sign-ins new passwords and print them. Ends their sessions.",
        )
        parser.add_argument(
            "--address", default="http://localhost:8000/", help="Where the web server answers."
        )

        parser.add_argument(
            "--verify",
            action="store_true",
            help="Read it back, as the first load does; fails where something is missing.",
        )
        parser.add_argument(
            "--host", action="append", default=[], help="A further host name that leads to it."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = load_demo(
                slug=options["campus"],
                now=timezone.now(),
                reset_passwords=options["reset_passwords"],
                hosts=options["host"],
            )
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        self._say_what_was_made(loaded)
        if loaded.made.get("campuses") or options["verify"]:
            self._verify(loaded)
        if loaded.sign_ins:
            self._print_sign_ins(loaded.sign_ins, address=options["address"])
        else:
            self.stdout.write(
                "The passwords were printed before; --reset-passwords makes new ones."
            )

    def _verify(self, loaded: Loaded) -> None:
        """Raises where something is missing: a demo that is half there looks like a bug."""
        problems = demo_problems(campus=loaded.campus, sign_ins=loaded.sign_ins)
        if problems:
            raise CommandError(
                "The demo is not whole:\n  "
                + "\n  ".join(problems)
                + "\nmanage.py reset_demo makes it anew."
            )
        self.stdout.write("Read back: everything is there and fits.")

    def _say_what_was_made(self, loaded: Loaded) -> None:
        if not loaded.made:
            self.stdout.write(f"{loaded.campus}: everything is there already, nothing was changed.")
            return
        parts = ", ".join(f"{kind} {number}" for kind, number in loaded.made.items())
        self.stdout.write(self.style.SUCCESS(f"{loaded.campus}: made {parts}."))

    def _print_sign_ins(self, sign_ins: list[SignIn], *, address: str) -> None:
        rows = [HEADINGS, *((s.role, s.course, s.name, s.email, s.password) for s in sign_ins)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        self.stdout.write(f"\nSign in at {address}\n\n")
        self.stdout.write(self.style.MIGRATE_HEADING(lines[0]))
        self.stdout.write("\n".join(lines[1:]))
        self.stdout.write("\nStart a class as its lecturer, check in as its student.")
        self.stdout.write(self.style.WARNING("\nThese passwords are shown this once.\n"))
