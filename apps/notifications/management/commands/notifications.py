"""`manage.py notifications --status`: the outbox at a glance, for one campus or all."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.notifications.channels.web_push import new_private_key
from apps.notifications.selectors import QueueState, queue_states
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug, every_campus

ROW = "{:<10}{:>9}{:>9}{:>9}{:>9}  {:<16}{}"


class Command(CampusCommand):
    help = "Shows the queue of messages, or makes a key for web push."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--status", action="store_true", help="depth, oldest, failures")
        what.add_argument(
            "--new-vapid-key", action="store_true", help="prints a value for VAPID_PRIVATE_KEY"
        )
        parser.add_argument("--campus", help="short name; without it, every campus")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new_vapid_key"]:
            self.stdout.write(new_private_key())
            return
        for campus in self._campuses(options["campus"]):
            with campus_scope(campus):
                self._show(campus, queue_states())

    def _campuses(self, slug: str | None) -> Iterable[Campus]:
        return [campus_by_slug(slug=slug)] if slug else every_campus(reason="show the outbox")

    def _show(self, campus: Campus, states: list[QueueState]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(campus.name))
        self.stdout.write(
            ROW.format("channel", "waiting", "sending", "failed", "dead", "oldest", "provider")
        )
        for state in states:
            self.stdout.write(
                ROW.format(
                    state.channel,
                    state.waiting,
                    state.sending,
                    state.failed,
                    state.dead,
                    self._age(state),
                    self._provider(state),
                )
            )

    @staticmethod
    def _age(state: QueueState) -> str:
        if state.oldest_at is None:
            return "–"
        return str(timezone.now() - state.oldest_at).partition(".")[0]

    @staticmethod
    def _provider(state: QueueState) -> str:
        if not state.is_configured:
            return "not configured"
        if state.trouble is None:
            return "works"
        return f"DOWN since {state.trouble.since:%Y-%m-%d %H:%M} UTC: {state.trouble.error}"
