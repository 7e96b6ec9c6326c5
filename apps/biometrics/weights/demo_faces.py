"""Portraits for the demo class, taken from published packages into `<person>/<n>.jpg`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apps.biometrics.images import read_photo
from apps.biometrics.weights.packages import downloaded, read_member
from apps.biometrics.weights.store import checked


@dataclass(frozen=True, slots=True)
class Portrait:
    person: str
    member: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PortraitPackage:
    name: str
    version: str
    sdist: bool
    portraits: tuple[Portrait, ...]


_TEST_IMAGES: Final = "face_recognition-1.3.0/tests/test_images"

PACKAGES: Final = (
    PortraitPackage(  # NASA, public domain
        name="scikit-image",
        version="0.26.0",
        sdist=False,
        portraits=(
            Portrait(
                "astronaut",
                "skimage/data/astronaut.png",
                "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
            ),
        ),
    ),
    PortraitPackage(  # official portraits of the United States government
        name="face_recognition",
        version="1.3.0",
        sdist=True,
        portraits=(
            Portrait(
                "obama",
                f"{_TEST_IMAGES}/obama.jpg",
                "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
            ),
            Portrait(
                "obama",
                f"{_TEST_IMAGES}/obama2.jpg",
                "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
            ),
            Portrait(
                "obama",
                f"{_TEST_IMAGES}/obama3.jpg",
                "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
            ),
            Portrait(
                "biden",
                f"{_TEST_IMAGES}/biden.jpg",
                "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
            ),
        ),
    ),
)


def fetch_demo_faces(folder: Path, *, report: Callable[[str], None]) -> list[Path]:
    """Write the portraits that are not there yet and return their paths.

    Raises `SourceUnavailable` or `WrongHash`. No code of the packages is run.
    """
    written = []
    for package in PACKAGES:
        targets = _targets(folder, package)
        if all(path.is_file() for path in targets):
            continue
        report(f"{package.name} {package.version}")
        with downloaded(package.name, package.version, sdist=package.sdist) as archive:
            for portrait, path in zip(package.portraits, targets, strict=True):
                content = read_member(archive, portrait.member)
                checked(content, sha256=portrait.sha256, name=portrait.member)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(read_photo(content).jpeg())
                written.append(path)
    return written


def _targets(folder: Path, package: PortraitPackage) -> list[Path]:
    """`<person>/<n>.jpg` for each portrait, n counting from 1 for each person."""
    counts: dict[str, int] = {}
    targets = []
    for portrait in package.portraits:
        counts[portrait.person] = counts.get(portrait.person, 0) + 1
        targets.append(folder / portrait.person / f"{counts[portrait.person]}.jpg")
    return targets
