"""A campus with something of everything, and what has to be there after it moved.

python -m tests.moving.scenes SCENE [ARGUMENT…]
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
EVENING = datetime(2026, 9, 11, 20, 0, tzinfo=UTC)  # the next day already in Tokyo
REASON = "asked by the family"


def fill() -> dict[str, Any]:
    """Two campuses; the north has rows that triggers would make otherwise, and sealed ones."""
    from apps.audit.services import entered, root_make, seal_pending
    from apps.enrollments.models import Term
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope
    from tests.factories import make_cast

    north, south = make_cast("north"), make_cast("south")
    with campus_scope(south.campus):
        _label("trip")
    with campus_scope(north.campus):
        _registers(north)
        _people(north)
        _sealed(north)
    with entered(north.campus) as log:
        seal_pending(now=NOW + timedelta(minutes=1), log=log)
    root_make(campus=north.campus, now=NOW + timedelta(days=1))
    Campus.objects.filter(pk=north.campus.pk).update(time_zone="Asia/Tokyo")
    with campus_scope(north.campus):
        Term.objects.update(archived_at=NOW)
    return {"filled": True}


def _label(code: str) -> Any:
    from apps.attendance.models import CustomStatus

    return CustomStatus.objects.create(
        code=code, name=code, meaning="excused", points=1, counts_as="attended"
    )


def _registers(cast: Any) -> None:
    from apps.attendance.models import AttendanceRecord
    from apps.sessions.models import ClassSession, SessionCourse
    from tests.leave.support import closed, marked, opened

    label = _label("trip")
    session = closed(cast, EVENING)
    marked(session, cast.student, "excused", NOW)
    AttendanceRecord.objects.filter(session=session, student=cast.student).update(label=label)
    joint = opened(cast, NOW)
    SessionCourse.objects.create(session=joint, course=cast.other_course)
    marked(joint, cast.classmate, "late", NOW)
    ClassSession.objects.filter(pk=joint.pk).update(revision=7)


def _people(cast: Any) -> None:
    from apps.audit.services import Actor, Redacted, entries_redact, log_event
    from apps.notifications.services import notify

    boss = Actor(id="user:999999", label="a super administrator")
    log_event(actor=boss, action="test.boss", now=NOW)
    gone = Actor(id="user:888888", label="Gone Person")
    log_event(actor=gone, action="test.gone", now=NOW)
    who = Redacted(actor_id=gone.id, pattern="Gone", in_json="Gone", pseudonym="person-1")
    entries_redact(who=who, now=NOW)
    own = Actor(id=f"user:{cast.admin.pk}", label="the administrator")
    log_event(actor=own, action="test.own", now=NOW, target=cast.admin)
    log_event(actor=own, action="test.private", now=NOW, private={"reason": REASON})
    notify(
        kind="leave_approved",
        user_ids=[cast.student.user_id],
        data={"course": "CS201", "from": "2026-09-14", "until": "2026-09-15"},
        now=NOW,
        key="moving",
    )


def store_photo(colour: str) -> None:
    from apps.biometrics.services import image_store
    from tests.biometrics.support import plain_jpeg

    image_store(data=plain_jpeg(colour), now=NOW, kept_for=None)


def _sealed(cast: Any) -> None:
    from apps.classrooms.beacons import sealed_beacon_secret
    from apps.classrooms.models import Beacon
    from apps.imports.models import ImportRun
    from apps.imports.services import files as import_files
    from apps.jobs.models import Job
    from apps.leave import attachments
    from apps.leave.models import Attachment
    from apps.oneroster.models import OneRosterConnection
    from apps.oneroster.services import secret_give
    from apps.qr_otp.services import secret_start
    from apps.register_exports.models import WarehouseSetting
    from apps.register_exports.services import new_key
    from apps.reports import files as report_files
    from apps.reports.services import EXPORT
    from apps.timetable_feeds.models import FeedRun, TimetableFeed
    from apps.timetable_feeds.selectors import sealed_file
    from apps.timetable_feeds.services import header_give
    from tests.biometrics.support import make_model, make_template, unit

    store_photo("blue")
    make_template(cast.student, unit(1, 2, 3), model=make_model(now=NOW), now=NOW)
    secret_start(purpose="session", subject="7", now=NOW)
    sealed = sealed_beacon_secret(identifier="b1", secret=b"s" * 16)
    Beacon.objects.create(classroom=cast.classroom, identifier="b1", sealed_secret=sealed)
    service = OneRosterConnection(name="SIS", url="https://sis.example")
    secret_give(service, "s")
    service.save()
    WarehouseSetting.objects.create(target="lake", sealed_key=new_key())
    feed = TimetableFeed(name="F", format="ical", term=cast.course.term, header="X-Key")
    header_give(feed, "h")
    feed.save()
    reading = FeedRun(feed=feed, created_at=NOW)
    reading.sealed_file = sealed_file(reading, b"BEGIN:VCALENDAR")
    reading.save()
    key = f"attachments/{cast.campus.pk}/one.bin"
    attachments.store_file(key=key, data=b"%PDF-")
    Attachment.objects.create(
        student=cast.student,
        key=key,
        kind=Attachment.Kind.PDF,
        size=5,
        stored_at=NOW,
        delete_after=NOW,
    )
    upload = import_files.store_file(b"code,name")
    ImportRun.objects.create(
        kind="students", filename="a.csv", size=9, sha256="0" * 64, stored_as=upload, created_at=NOW
    )
    report = report_files.store_file(b"report")
    Job.objects.create(
        kind=EXPORT, title="report", status=Job.Status.SUCCEEDED, created_at=NOW,
        result={"stored_as": report},
    )  # fmt: skip


def look(slug: str) -> dict[str, Any]:
    """What the campus has here; fails where something does not open or hold."""
    from apps.audit.models import Entry
    from apps.audit.sealed_data import open_data
    from apps.audit.services import campus_log, verify
    from apps.sessions.models import ClassSession
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope

    campus = Campus.objects.get(slug=slug)
    with campus_scope(campus):
        outcome = verify()
        assert outcome.problems == [], outcome.problems
        entries = Entry.objects.exclude(action__startswith="tenants.campus.").order_by("pk")
        private = [open_data(entry) for entry in entries if entry.action == "test.private"]
        assert private == [{"reason": REASON}], private
        sessions = ClassSession.objects.order_by("pk")
        columns = ("pk", "held_on", "revision", "also_codes", "total_attended", "updated_at")
        return {
            "campus_id": campus.pk,
            "sealed": outcome.sealed,
            "actions": [entry.action for entry in entries],
            "actors": sorted({entry.actor_id for entry in entries}),
            "sessions": [[str(value) for value in row] for row in sessions.values_list(*columns)],
            "head": _head(campus_log()),
            **_opened(),
            **_register(),
        }


def _head(log: Any) -> str:
    """The digest at the place of the root that was made before the move."""
    from apps.audit.chain import content_sha256
    from apps.audit.digests import START, next_digest

    digest = START
    for seal, entry in log.steps():
        digest = next_digest(
            digest,
            position=seal.position,
            entry_id=seal.entry_id,
            content_sha256=content_sha256(entry),
            mac=bytes(entry.mac),
        )
        if entry.action == "test.private":
            break
    return digest.hex()


def _opened() -> dict[str, Any]:
    import numpy as np

    from apps.biometrics.models import FaceTemplate, StoredImage
    from apps.biometrics.services.images import image_id
    from apps.biometrics.storage import read_image
    from apps.biometrics.vectors import is_intact, protect
    from apps.classrooms.beacons import BEACON_SEAL
    from apps.classrooms.models import Beacon
    from apps.common.crypto import unseal
    from apps.imports.models import ImportRun
    from apps.imports.services import files as import_files
    from apps.jobs.models import Job
    from apps.leave import attachments
    from apps.leave.models import Attachment
    from apps.oneroster.models import OneRosterConnection
    from apps.oneroster.selectors import client_secret
    from apps.qr_otp.selectors import live_secret
    from apps.register_exports.models import WarehouseSetting
    from apps.register_exports.selectors import PSEUDONYM, pseudonyms_of
    from apps.reports import files as report_files
    from apps.timetable_feeds.models import FeedRun, TimetableFeed
    from apps.timetable_feeds.selectors import file_of, header_value
    from tests.biometrics.support import unit

    images = list(StoredImage.objects.all())
    assert all(read_image(image).startswith(b"\xff\xd8") for image in images)
    assert all(image.pk == image_id(image.sha256) for image in images)
    template = FaceTemplate.objects.get()
    assert is_intact(template)
    vector = np.asarray(template.vector)
    here = protect(unit(1, 2, 3), frame=bytes(template.frame), generation=1)
    assert np.abs(vector - here).max() < 1e-5
    beacon = Beacon.objects.get(identifier="b1")
    secret = unseal(
        BEACON_SEAL, beacon.campus_id, bytes(beacon.sealed_secret or b""), context=b"b1"
    )
    assert secret == b"s" * 16
    assert client_secret(OneRosterConnection.objects.get()) == "s"
    known = pseudonyms_of(WarehouseSetting.objects.get(), "pseudonyms")
    assert len(known.of("somebody")) == PSEUDONYM
    assert header_value(TimetableFeed.objects.get()) == "h"
    assert file_of(FeedRun.objects.get()) == b"BEGIN:VCALENDAR"
    assert attachments.read_file(key=Attachment.objects.get().key) == b"%PDF-"
    assert import_files.file_read(ImportRun.objects.get().stored_as) == b"code,name"
    report = Job.objects.get(title="report").result["stored_as"]
    assert report_files.file_read(report) == b"report"
    found = live_secret(purpose="session", subject="7")
    assert found is not None
    return {"images": len(images), "qr": found.hex(), "model": template.model.name}


def _register() -> dict[str, Any]:
    from apps.accounts.models import Member, Student
    from apps.attendance.models import AttendanceRecord, AttendanceSummary

    records = AttendanceRecord.objects.order_by("session_id", "student_id")
    columns = ("session_id", "student_id", "status", "label__code", "course_id")
    sums = AttendanceSummary.objects.order_by("student_id", "course_id")
    return {
        "records": [list(row) for row in records.values_list(*columns)],
        "sums": [
            list(row) for row in sums.values_list("student_id", "course_id", "total_sessions")
        ],
        "members": sorted(Member.objects.values_list("user__email", flat=True)),
        "students": sorted(Student.objects.values_list("code", "user__email")),
    }


def meet(email: str) -> dict[str, Any]:
    """Somebody with this address is a student of a campus here already."""
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope
    from tests.factories import make_campus, make_user

    known = Campus.objects.filter(slug="west").first()
    campus = known or make_campus("west")
    with campus_scope(campus):
        return {"user": make_user(email, "student", name="Own Name").pk}


def break_log() -> dict[str, Any]:
    """Somebody with the database's password changes an entry."""
    from django.db import connections, transaction

    from apps.tenants.models import Campus

    campus_id = Campus.objects.get(slug="north").pk
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('campus.id', %s, true)", [str(campus_id)])
        cursor.execute("UPDATE audit_entry SET actor_label = 'nobody' WHERE action = 'test.own'")
        return {"changed": cursor.rowcount}


def main(name: str, *arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.backup.settings")
    import django

    django.setup()
    scenes: dict[str, Callable[..., dict[str, Any]]] = {
        scene.__name__: scene for scene in (fill, look, meet, break_log)
    }
    sys.stdout.write(json.dumps(scenes[name](*arguments)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
