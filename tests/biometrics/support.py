"""Steps that several tests of faces take. Each needs the campus to be entered."""

import socket
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from apps.accounts.models import Student
from apps.audit.services import SYSTEM
from apps.biometrics.images import read_photo
from apps.biometrics.models import FaceModel, FaceSample, FaceTemplate
from apps.biometrics.services import image_store, sample_add, sample_judge
from apps.biometrics.services.judging import template_store
from apps.privacy.models import Consent
from apps.privacy.selectors import wording_of
from apps.privacy.services import consent_give
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id


def jpeg_of(path: Path) -> bytes:
    """The photo as the platform keeps it."""
    return read_photo(path.read_bytes()).jpeg()


def variant(jpeg: bytes, *, brightness: float) -> bytes:
    """The same picture in another light: other bytes, the same face."""
    image = ImageEnhance.Brightness(Image.open(BytesIO(jpeg))).enhance(brightness)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return read_photo(buffer.getvalue()).jpeg()


def plain_jpeg(colour: str = "white", side: int = 200) -> bytes:
    """A picture without a face."""
    buffer = BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "JPEG")
    return read_photo(buffer.getvalue()).jpeg()


def enable_faces() -> None:
    Campus.objects.filter(pk=current_campus_id()).update(face_enabled=True)


def give_consent(student: Student, now: datetime) -> Consent:
    enable_faces()
    version = wording_of(kind=Consent.Kind.FACE).version
    return consent_give(student=student, kind="face", version=version, now=now, actor=SYSTEM)


def enrol(student: Student, jpeg: bytes, now: datetime) -> FaceSample:
    """Consent, add, judge: the sample as the worker left it."""
    give_consent(student, now)
    sample = sample_add(student=student, data=jpeg, actor=SYSTEM, now=now)
    sample_judge(sample_id=sample.pk, now=now)
    sample.refresh_from_db()
    return sample


def unit(*values: float) -> np.ndarray:
    vector = np.asarray(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def make_model(name: str = "made-up", *, now: datetime, dimension: int = 3) -> FaceModel:
    return FaceModel.objects.create(
        name=name,
        version="1",
        dimension=dimension,
        threshold=0.5,
        sha256="0" * 64,
        registered_at=now,
    )


def make_template(
    student: Student,
    vector: np.ndarray,
    *,
    model: FaceModel,
    now: datetime,
    generation: int = 1,
    colour: str = "white",
) -> FaceTemplate:
    """A template of a made-up vector, on an accepted sample of a plain picture."""
    consent = give_consent(student, now)
    image = image_store(data=plain_jpeg(colour), now=now, kept_for=None, folder="samples")
    sample, _created = FaceSample.objects.get_or_create(
        student=student,
        image=image,
        defaults={
            "consent": consent,
            "created_at": now,
            "judged_at": now,
            "status": FaceSample.Status.ACCEPTED,
        },
    )
    return template_store(sample=sample, vector=vector, model=model, generation=generation, now=now)


def free_port() -> int:
    """A TCP port of this machine that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
