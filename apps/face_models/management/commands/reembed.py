"""`manage.py reembed MODEL`: makes the templates of campuses anew with another face engine."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from apps.audit.services import Actor
from apps.biometrics.services import templates_vacuum
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.face_models.services import reembed_start
from apps.jobs.models import Job
from apps.jobs.services import job_stop
from apps.jobs.tasks import execute_job
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug, every_campus

ACTOR = Actor(label="manage.py reembed")


class Command(CampusCommand):
    help = (
        "Make the face templates anew from the kept photos with another engine, beside the old "
        "ones, and go over to it when all are made. Interrupted, it goes on where it stopped. "
        "Needs the engine's weights and the image storage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="an engine, such as sface or facenet512")
        parser.add_argument("--campus", metavar="SLUG", help="this one only; else all open ones")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["campus"]:
                campuses = [campus_by_slug(slug=options["campus"])]
            else:
                campuses = list(every_campus(reason="reembed"))
            for campus in campuses:
                self._reembed(campus, options["model"])
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        templates_vacuum()

    def _reembed(self, campus: Campus, engine: str) -> None:
        with campus_scope(campus):
            job = reembed_start(engine=engine, user_id=None, actor=ACTOR, now=timezone.now())
        with tqdm(desc=campus.slug, unit="photo", leave=False, disable=None) as bar:

            def watch(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                execute_job(campus.pk, job.pk, watch=watch)
            except KeyboardInterrupt:
                with campus_scope(campus):
                    job_stop(job_id=job.pk, now=timezone.now())
                raise CommandError(
                    f"{campus.slug}: stopped. What was made is kept; ask again to go on."
                ) from None
        with campus_scope(campus):
            job.refresh_from_db()
        if not job.is_finished:  # a worker was there first
            self.stdout.write(
                f"{campus.slug}: a worker does it. The list of jobs says how far it is."
            )
            return
        if job.status != Job.Status.SUCCEEDED:
            raise CommandError(f"{campus.slug}: {job.problem or job.get_status_display()}")
        self.stdout.write(
            self.style.SUCCESS(
                f"{campus.slug}: {job.result['model']} instead of {job.result['before']}, "
                f"{job.result['templates']} templates, {job.result['to_judge']} photos to be "
                "judged again."
            )
        )
