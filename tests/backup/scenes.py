"""What happens on an installation of these tests, in a process of its own.

    python -m tests.backup.scenes SCENE [ARGUMENT…]

Each scene prints one line of JSON.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)


def fill() -> dict[str, Any]:
    """Two campuses with people, sessions, images, files and an audit log."""
    from apps.audit.services import log_event, seal_pending
    from apps.tenants.scope import campus_scope
    from tests.factories import make_cast
    from tests.leave.support import ADA, opened

    for slug in ("north", "south"):
        cast = make_cast(slug)
        with campus_scope(cast.campus):
            opened(cast, NOW)
            log_event(actor=ADA, action="test.filled", now=NOW)
            for colour in ("white", "red", "green"):
                store_image(colour)
        with campus_scope(cast.campus):
            seal_pending(now=NOW + timedelta(minutes=1))
    return {"filled": True}


def store_image(colour: str) -> str:
    from apps.biometrics.services import image_store
    from tests.biometrics.support import plain_jpeg

    return image_store(data=plain_jpeg(colour), now=NOW, kept_for=None).key


def add(name: str) -> dict[str, Any]:
    """One more student of the north with a photo, and the time on the database's clock after it."""
    from django.db import connection

    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope
    from tests.factories import make_student

    with campus_scope(Campus.objects.get(slug="north")):
        make_student(name)
        store_image(name.lower())
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return {"at": cursor.fetchone()[0].isoformat()}


def mark() -> dict[str, Any]:
    """Two students of one register, one after the other; the time on the database's clock between.

    A photo is stored with each.
    """
    from django.db import connection

    from apps.accounts.models import Student
    from apps.sessions.models import ClassSession
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope
    from tests.leave.support import marked

    times = []
    for code, colour in (("STUD", "purple"), ("MATE", "orange")):
        with campus_scope(Campus.objects.get(slug="north")):
            session = ClassSession.objects.get()
            marked(session, Student.objects.get(code=code), "present", NOW)
            store_image(colour)
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            times.append(cursor.fetchone()[0].isoformat())
    return {"between": times[0], "after": times[1]}


def write(seconds: str) -> dict[str, Any]:
    """Students one after the other for some seconds; says each that is committed."""
    import time

    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope
    from tests.factories import make_student

    campus, codes = Campus.objects.get(slug="south"), []
    until = time.monotonic() + float(seconds)
    sys.stdout.write("writing\n")
    sys.stdout.flush()
    while time.monotonic() < until:
        with campus_scope(campus):
            code = f"W{len(codes):06d}"
            make_student(code, slug="south")
        codes.append(code)
    return {"codes": codes}


def look() -> dict[str, Any]:
    """Sign in, open every image, verify the audit log; fails where anything does not work."""
    from django.core.management import call_command

    from apps.biometrics.models import StoredImage
    from apps.biometrics.storage import read_image
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope
    from tests.accounts.support import ME, at, tokens

    images = 0
    for campus in Campus.objects.all():
        with campus_scope(campus):
            for image in StoredImage.objects.all():
                assert read_image(image).startswith(b"\xff\xd8")
                images += 1
    meta = tokens(at("north.example"), "stud@north.example")
    mine = at("north.example", authorization=f"Bearer {meta['access_token']}").get(ME)
    assert mine.status_code == 200, mine.content
    call_command("verify_audit")
    return {"images": images, "signed_in": meta["session_token"] != ""}


def main(name: str, *arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.backup.settings")
    import django

    django.setup()
    scenes: dict[str, Callable[..., dict[str, Any]]] = {
        scene.__name__: scene for scene in (fill, add, mark, write, look)
    }
    sys.stdout.write(json.dumps(scenes[name](*arguments)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
