"""`manage.py watch_camera CAMERA SOURCE --campus SLUG`: whom a camera sees, until it is stopped."""

import os
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.biometrics.engines import Engine, EngineUnavailable, get_engine
from apps.biometrics.models import FaceModel
from apps.biometrics.services import current_model
from apps.biometrics.services.registry import ModelChanged
from apps.biometrics.weights.catalogue import WeightsError
from apps.cameras.models import Camera, CameraSystemEvent
from apps.cameras.selectors import camera_named, cameras_require
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

Type = CameraSystemEvent.Type


class Command(CampusCommand):
    help = (
        "Watch a camera: RTSP or HTTP (for ever, connecting again), a video file or a folder of "
        "images (to its end). Known students make sightings, and marks where the policy allows it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("camera", help="Its name or number in the administration.")
        parser.add_argument(
            "source",
            nargs="?",
            default="",
            help="rtsp://…, http://…, a video, or a folder. Else the variable CAMERA_SOURCE, which "
            "hides a password from the list of processes.",
        )
        parser.add_argument("--campus", required=True, metavar="SLUG")
        parser.add_argument("--every", type=int, metavar="N", help="Instead of the camera's own.")
        parser.add_argument(
            "--starts-at",
            metavar="TIME",
            help="When the first frame of a video or folder was taken, in ISO 8601 with its offset "
            "from UTC. Else: now.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        text = options["source"] or os.environ.get("CAMERA_SOURCE", "")
        if not text:
            raise CommandError("Name a source: an address, a video or a folder.")
        if options["every"] is not None and not 1 <= options["every"] <= 250:
            raise CommandError("--every is a number from 1 to 250.")
        began = _moment(options["starts_at"])
        try:
            campus = campus_by_slug(slug=options["campus"])
            with campus_scope(campus):
                camera = camera_named(name=options["camera"])
                cameras_require()
                model = current_model(now=timezone.now())
            engine = get_engine(model.name)
        except Refused as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal
        except (OSError, WeightsError, EngineUnavailable, ModelChanged) as error:
            raise CommandError(str(error)) from error
        self._watch(
            camera, text, engine, model, every=options["every"] or camera.every, began=began
        )

    def _watch(
        self,
        camera: Camera,
        text: str,
        engine: Engine,
        model: FaceModel,
        *,
        every: int,
        began: Any,
    ) -> None:
        from apps.cameras.capture import SourceRefused, shown, source_of
        from apps.cameras.watching import (
            Recorder,
            Watcher,
            WatchTotals,
            tell,
            watch,
            written_by,
        )

        told = tell(camera, now=timezone.now)
        try:
            source = source_of(text, every=every, told=told)
        except SourceRefused as refused:
            raise CommandError(str(refused)) from refused
        totals = WatchTotals()
        recorder = Recorder(
            camera=camera, write=written_by(camera, now=timezone.now), told=told, totals=totals
        )
        watcher = Watcher(
            camera=camera,
            engine=engine,
            model=model,
            recorder=recorder,
            totals=totals,
            began=began or timezone.now(),
        )
        ends = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(end, lambda *_: source.close()) for end in ends]
        told(Type.STARTED, f"{shown(text)}, every {every}.")
        try:
            watch(
                source=source,
                watcher=watcher,
                recorder=recorder,
                totals=totals,
                apart=source.is_live,
            )
        finally:
            for end, handler in zip(ends, before, strict=True):
                signal.signal(end, handler)
        words = ", ".join(
            [
                f"{totals.frames} frames, {totals.faces} faces",
                *(f"{name} {number}" for name, number in sorted(totals.results.items())),
                *(f"{code} {number}" for code, number in sorted(totals.refusals.items())),
                f"dropped {totals.dropped_frames} frames and {totals.dropped_sightings} faces",
            ]
        )
        told(Type.STOPPED, words)
        if recorder.is_outdated:
            raise CommandError(f"The campus compares with another face model now; again. {words}")
        self.stdout.write(self.style.SUCCESS(f"{camera.name}: {words}"))


def _moment(text: str | None) -> Any:
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CommandError("--starts-at is a time such as 2026-09-01T09:00:00+02:00.")
    return moment
