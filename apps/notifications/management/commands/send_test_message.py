"""`manage.py send_test_message`: does a channel work, all the way to a person?"""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.notifications.channels import configured
from apps.notifications.models import Channel, Delivery
from apps.notifications.services import notify
from apps.notifications.services.delivery import deliver_due
from apps.notifications.texts import TEXTS
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

BUDGET = timedelta(minutes=1)


class Command(CampusCommand):
    help = "Sends a test message to one person over every configured channel, and says how it went."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campus", required=True, help="short name")
        parser.add_argument("--to", required=True, help="the person's e-mail address")
        parser.add_argument(
            "--text", choices=sorted(TEXTS), default="test", help="which text, with sample values"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        campus = campus_by_slug(slug=options["campus"])
        user = get_user_model().objects.filter(email__iexact=options["to"]).first()
        if user is None:
            raise CommandError(f"Nobody signs in as {options['to']}.")
        now = timezone.now()
        key = f"test:{user.pk}:{now.isoformat()}"
        with campus_scope(campus):
            notify(
                kind="test",
                user_ids=[user.pk],
                text=options["text"],
                data=TEXTS[options["text"]].sample,
                now=now,
                key=key,
            )
        for name in configured():
            deliver_due(campus_id=campus.pk, name=name, clock=timezone.now, until=now + BUDGET)
        with campus_scope(campus):
            self._report(list(Delivery.objects.filter(message__key=key).order_by("channel")))

    def _report(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            device = f" ({delivery.device_type})" if delivery.device_type else ""
            self.stdout.write(f"{delivery.channel}{device}: {delivery.status} {delivery.error}")
        tried = {delivery.channel for delivery in deliveries}
        for name in Channel.values:
            if name not in tried:
                why = "no address" if name in configured() else "not configured"
                self.stdout.write(f"{name}: {why}")
