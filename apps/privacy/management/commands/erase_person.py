"""`manage.py erase_person NUMBER --campus SLUG`: ask for an erasure, or do it at once."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.jobs.models import Job
from apps.jobs.tasks import execute_job
from apps.privacy.models import ErasureRequest
from apps.privacy.selectors import person_numbered
from apps.privacy.services import erasure_ask, erasure_hasten
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

ACTOR = Actor(label="erase_person")


class Command(CampusCommand):
    help = "Ask that a person is erased from a campus; --at-once skips waiting and approval."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", help="of a student or faculty member, or an e-mail address")
        parser.add_argument("--campus", metavar="SLUG", required=True, help="its short name")
        parser.add_argument(
            "--at-once", action="store_true", help="it cannot be undone; prints the proof"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = campus_by_slug(slug=options["campus"])
            with campus_scope(campus):
                person = person_numbered(number=options["number"])
                request = erasure_ask(person=person, own=False, now=timezone.now(), actor=ACTOR)
                job = None
                if options["at_once"]:
                    job = erasure_hasten(request=request, now=timezone.now(), actor=ACTOR)
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        if job is None:
            self.stdout.write(f"Asked: {request.pk}. Not before {request.due_at:%Y-%m-%d %H:%M}.")
        else:
            self._run(campus, request, job)

    def _run(self, campus: Campus, request: ErasureRequest, job: Job) -> None:
        execute_job(campus.pk, job.pk)
        with campus_scope(campus):
            job.refresh_from_db()
            request.refresh_from_db()
        if request.status != ErasureRequest.Status.DONE:
            raise CommandError(job.problem or "It is being done by a worker.")
        self.stdout.write(json.dumps(request.proof, indent=1, ensure_ascii=False))
        self.stdout.write(self.style.SUCCESS(f"Erased. SHA-256 {request.proof_sha256}"))
