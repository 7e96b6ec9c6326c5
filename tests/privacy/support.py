"""A student of whom every table knows something, and a search through everything that is kept."""

import base64
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.core.files.storage import default_storage
from psycopg import sql

from apps.accounts.models import AllowedAddress, Contact, Device, Invitation, Student
from apps.announcements.models import Announcement
from apps.attendance.models import AttendanceRecord, BulkChange, RecordChange
from apps.audit.services import SYSTEM, Actor, log_event, log_platform_event
from apps.biometrics.models import FaceVerification
from apps.biometrics.services import image_store
from apps.cameras.models import Camera, CameraEvent, UnknownPerson
from apps.cameras.services.cameras import camera_add
from apps.checkin.models import CheckInAttempt, OnlineMinute
from apps.class_photos.models import ClassPhoto, PhotoFace, PhotoReview
from apps.enrollments.models import EnrollmentPeriod, Grade, Placement, SourcedId
from apps.identity_providers.models import (
    EmergencyAccount,
    IdentityProvider,
    Leaver,
    ProviderLink,
    ProviderName,
    ScimClient,
    ScimPerson,
)
from apps.imports.models import ImportAnswer, ImportRun
from apps.imports.services.files import store_file
from apps.integrity.models import Finding
from apps.jobs.models import Job
from apps.learning.models import FaceDrift, LearnedSample
from apps.leave.attachments import AttachmentFile
from apps.leave.models import Appeal, LeaveRequest
from apps.leave.services.attachments import attachment_add, attachment_write
from apps.legacy.models import LegacyMove
from apps.legacy.services.files import Stored, report_store
from apps.liveness.models import LivenessCheck, LivenessFrame
from apps.lti.models import LtiLink, LtiPerson, LtiPlatform, LtiScore
from apps.notifications.models import Delivery, Message, Preference, PushToken, QuietHours
from apps.oneroster.models import OneRosterConnection, OneRosterRow, OneRosterRun
from apps.qr_otp.models import Scan, Tries
from apps.reports.files import store_file as store_report
from apps.reports.services import EXPORT
from apps.tenants.signed import signed_act
from apps.terminals.models import CardTerminal
from apps.terminals.services.cards import card_add
from apps.terminals.services.punches import PunchInput, punches_take
from apps.terminals.services.terminals import terminal_add
from apps.timetable.models import CalendarLink
from apps.timetable_feeds.models import FeedMeeting, FeedRun, TimetableFeed
from apps.timetable_feeds.selectors import sealed_file
from tests import tables
from tests.biometrics.support import give_consent, make_model, make_template, plain_jpeg, unit
from tests.factories import Cast, enroll, make_session, make_student

NAME: Final = "Zqana Zqovic"
VALUES: Final = (
    *("Zqana", "Zqovic", "zqana@north.example", "+4915112345678", "ZQ210595"),
    *("zqdevice-1", "zqpush-1", "zqfcm-1", "198.51.100.77", "zqbrowser", "+4915187654321"),
    *("zqmother@mail.example", "zqsub-1", "zqillness", "Zqcollege", "zqword", "zqlti-1"),
)
ADDRESS: Final = "198.51.100.77"


def make_known(cast: Cast, now: datetime) -> Student:
    """Call inside the campus. Rows in every table that holds people, most of them naming her."""
    student = make_student(
        "ZQ210595",
        first_name="Zqana",
        last_name="Zqovic",
        email="zqana@north.example",
        phone="+4915112345678",
        representative_mobile="+4915112345678",
        program="Zqcollege",
    )
    _account(student, now)
    _profile(student, now)
    _register(cast, student, now)
    _faces(student, now)
    _requests(cast, student, now)
    _messages(cast, student, now)
    _logs(cast, student, now)
    _cards(cast, student, now)
    _learning_platform(cast, student, now)
    return student


def _cards(cast: Cast, student: Student, now: datetime) -> None:
    terminal = CardTerminal(name="Door", classroom=cast.classroom)
    terminal_add(terminal, now=now, actor=SYSTEM)
    card_add(student=student, number="0004A21F", now=now, actor=SYSTEM)
    one = PunchInput(key="1", card="0004A21F", read_at=now)
    [row] = punches_take(terminal=terminal, punches=[one], now=now)
    assert row.student == student


def _learning_platform(cast: Cast, student: Student, now: datetime) -> None:
    platform = LtiPlatform.objects.create(
        name="Moodle", issuer="https://lms.example", client_id="1", deployment_ids=["1"]
    )
    link = LtiLink.objects.create(platform=platform, context_id="7", course=cast.course)
    LtiPerson.objects.create(
        platform=platform, subject="zqlti-1", student=student, connected_at=now
    )
    LtiScore.objects.create(link=link, student=student, subject="zqlti-1", score=9, maximum=10)
    service = OneRosterConnection.objects.create(
        name="SIS", url="https://sis.example", token_url="https://sis.example", client_id="c"
    )
    SourcedId.objects.create(student=student, sourced_id="zqlti-2")
    OneRosterRow.objects.create(
        connection=service,
        collection="users",
        sourced_id="zqlti-1",
        values={"identifier": student.code},
        student=student,
    )
    OneRosterRun.objects.create(
        connection=service,
        created_by=student.user,
        created_at=now,
        result={"new": 1, "removed_names": [NAME]},
        problems=[{"value": NAME}],
    )
    _feed(cast, student, now)


def _feed(cast: Cast, student: Student, now: datetime) -> None:
    """A calendar that names her, as one who gives a tutorial."""
    feed = TimetableFeed.objects.create(name="Planner", format="ical", term=cast.course.term)
    run = FeedRun(feed=feed, status="waiting", created_by=student.user, created_at=now)
    run.sealed_file = sealed_file(run, NAME.encode())
    run.result = {"counts": {"new": 1}, "lines": [{"course": NAME}]}
    run.problems = [{"value": NAME}]
    run.save(force_insert=True)
    FeedMeeting.objects.create(
        feed=feed,
        key="1",
        called=cast.course.code,
        course=cast.course,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        faculty=cast.lecturer,
    )


def _account(student: Student, now: datetime) -> None:
    user = student.user
    assert user is not None
    user.members.update(name=NAME)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    with signed_act("mfa_authenticator"):
        Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": "zqword"})
    with signed_act("socialaccount_socialaccount"):
        SocialAccount.objects.create(
            user=user, provider="google", uid="zqsub-1", extra_data={"name": NAME}
        )
    login = IdentityProvider.objects.create(name="L", issuer="https://l.example", client_id="c")
    ProviderLink.objects.create(
        provider=login, issuer=login.issuer, subject="zqsub-2", user=user, last_used_at=now
    )
    ProviderName.objects.create(provider=login, digest=b"zqdigest", user=user, last_used_at=now)
    EmergencyAccount.objects.create(user=user, note=NAME)
    client = ScimClient.objects.create(name="D", lookup="d", digest=b"", created_at=now)
    ScimPerson.objects.create(client=client, user=user, external_id="zqexternal")
    Leaver.objects.create(user=user, left_at=now, roles=[], entries=[])


def _profile(student: Student, now: datetime) -> None:
    Device.objects.create(
        student=student,
        device_uuid="zqdevice-1",
        public_key=b"zqdevice-1",
        kind="web",
        name="Zqana's phone",
        push_token="zqpush-1",
        bound_at=now,
        last_seen_at=now,
    )
    Contact.objects.create(
        student=student,
        name="Zqmira Zqovic",
        relation="guardian",
        email="zqmother@mail.example",
        phone="+4915187654321",
        consented_on=now.date(),
        consent_note="zqword",
    )
    Invitation.objects.create(
        email=student.email,
        role="student",
        name=NAME,
        student=student,
        sent_at=now,
        expires_at=now + timedelta(days=7),
    )
    AllowedAddress.objects.create(email=student.email, note="zqword")


def _register(cast: Cast, student: Student, now: datetime) -> None:
    enrolment = enroll(student, cast.course)
    EnrollmentPeriod.objects.get_or_create(
        enrollment=enrolment, defaults={"enrolled_on": enrolment.enrolled_on}
    )
    section = cast.course.section
    assert section is not None
    Placement.objects.create(student=student, section=section)
    Grade.objects.create(
        student=student, subject=cast.course.subject, points=9, grade="A", given_on=now.date()
    )
    session = make_session(cast.course)
    record = AttendanceRecord.objects.create(
        session=session,
        student=student,
        course=cast.course,
        status="present",
        source="manual",
        recorded_at=now,
        notes=f"{NAME} came by bus",
    )
    RecordChange.objects.create(
        record=record,
        session=session,
        student=student,
        after="present",
        reason="zqword",
        actor_id="user:0",
        actor_label="Lecturer",
        at=now,
    )
    review = PhotoReview.objects.create(session=session, started_at=now, delete_after=now)
    photo = ClassPhoto.objects.create(
        review=review,
        number=1,
        actor_id=f"user:{student.user_id}",
        actor_label=NAME,
        added_at=now,
    )
    box = dict.fromkeys(("left", "top", "width", "height"), 1)
    near = [{"student": student.pk, "confidence": 0.6}]
    PhotoFace.objects.create(photo=photo, number=1, meaning="known", student=student, **box)
    PhotoFace.objects.create(photo=photo, number=2, meaning="doubtful", candidates=near, **box)
    camera = Camera(name="Door", classroom=session.classroom)
    camera_add(camera, now=now, actor=SYSTEM)
    unknown = UnknownPerson.objects.create(
        first_seen=now, last_seen=now, status="named", student=student
    )
    CameraEvent.objects.create(
        camera=camera,
        at=now,
        event_type="recognized",
        student=student,
        unknown=unknown,
        image=image_store(data=plain_jpeg("yellow"), now=now, kept_for=timedelta(days=7)),
    )
    batch = BulkChange.objects.create(
        session=session,
        nonce="nonce-of-batch",
        results=[{"student": "ZQ210595"}],
        actor_id=f"user:{student.user_id}",
        actor_label=NAME,
        at=now,
    )
    # As if she had been a teaching assistant: somebody else's mark.
    other = AttendanceRecord.objects.create(
        session=session,
        student=cast.classmate,
        course=cast.course,
        status="late",
        source="manual",
        recorded_at=now,
        notes=f"Sat beside {NAME} (zq210595).",
    )
    RecordChange.objects.create(
        record=other,
        session=session,
        student=cast.classmate,
        batch=batch,
        after="late",
        reason="late",
        actor_id=f"user:{student.user_id}",
        actor_label=NAME,
        at=now,
    )
    Finding.objects.create(
        session=session, student=student, kind="same_fix", score="0.50", at=now,
        detail={"with": NAME},
    )  # fmt: skip
    Appeal.objects.create(
        session=session,
        student=student,
        record=record,
        nonce="nonce-of-appeal",
        requested_at=now,
        against="absent",
        wanted="present",
        text="zqword",
        deadline_at=now + timedelta(days=1),
    )


def _faces(student: Student, now: datetime) -> None:
    give_consent(student, now)
    model = make_model(now=now)
    make_template(student, unit(1, 0, 0), model=model, now=now)
    FaceVerification.objects.create(
        student=student, model=model, reference="zqword", decision="matched", at=now
    )
    session = make_session(student.enrollments.get().course, starts_at=now + timedelta(days=1))
    selfie = image_store(data=plain_jpeg("blue"), now=now, kept_for=timedelta(days=30))
    scan = Scan.objects.create(
        purpose="check-in",
        subject=f"session:{session.pk}",
        scanner=f"student:{student.pk}",
        method="qr",
        accepted=True,
        at=now,
        address=ADDRESS,
    )
    CheckInAttempt.objects.create(
        session=session,
        student=student,
        device=student.devices.get(),
        scan=scan,
        selfie=selfie,
        nonce="nonce-of-attempt",
        method="qr",
        outcome="accepted",
        received_at=now,
        factors={"device": {"why": "zqdevice-1"}},
        device_info={"model": "zqbrowser"},
        photo_sha256=selfie.sha256,
        latitude="52.51627300",
        longitude="13.37770400",
        address=ADDRESS,
        sign_in="zqword",
    )
    check = LivenessCheck.objects.create(
        student=student, reference="zqword", turns="left,up", told_at=now, sent_at=now
    )
    frame = image_store(data=plain_jpeg("green"), now=now, kept_for=timedelta(days=30))
    LivenessFrame.objects.create(check_of=check, student=student, image=frame, seen_at=now)
    LearnedSample.objects.create(
        student=student,
        sample=student.face_samples.get(),
        check_in=CheckInAttempt.objects.get(student=student).pk,
        distance=0.3,
        learned_at=now,
    )
    FaceDrift.objects.create(student=student, matches=12, earlier=0.5, lately=0.6, measured_at=now)
    Tries.objects.create(
        purpose="check-in", subject="s", who=f"student:{student.pk}", count=1, last_at=now
    )
    OnlineMinute.objects.create(user_id=student.user_id, minute=1, heard_at=now)


def _requests(cast: Cast, student: Student, now: datetime) -> None:
    file = AttachmentFile(data=plain_jpeg("red"), kind="image/jpeg")
    attachment = attachment_add(student=student, file=file, now=now)
    attachment_write(attachment=attachment, file=file)
    for who, reason in ((student, "zqillness"), (cast.classmate, f"With {NAME}")):
        LeaveRequest.objects.create(
            student=who,
            attachment=attachment if who is student else None,
            nonce="nonce-of-leave",
            requested_at=now,
            starts_at=now,
            ends_at=now + timedelta(hours=2),
            category="medical",
            reason=reason,
            decided_by_id=f"user:{student.user_id}",
            decided_by=NAME,
        )
    CalendarLink.objects.create(user=student.user, token_hash=b"0" * 32, created_at=now)


def _messages(cast: Cast, student: Student, now: datetime) -> None:
    message = Message.objects.create(
        key="told",
        kind="announcement",
        title=f"{NAME} writes",
        body="Bus at nine.\n" + NAME,
        data={"code": "ZQ210595", "text": f"first line\n{NAME}", "number": 210595},
        sender=student.user,
        created_at=now,
    )
    for user in (student.user, cast.classmate.user):
        Delivery.objects.create(
            message=message, user=user, channel="inbox", next_try_at=now, created_at=now
        )
    section = cast.course.section
    Announcement.objects.create(
        sender=student,
        section=section,
        outbox=message,
        title="Bus",
        message=f"Call me: +4915112345678, {NAME}",
        recipient_count=2,
        nonce="nonce-of-announcement",
        sent_at=now,
    )
    PushToken.objects.create(user=student.user, device_type="android", token="zqfcm-1")
    Preference.objects.create(
        user=student.user, kind="announcement", channel="email", is_wanted=False
    )
    QuietHours.objects.create(user=student.user, starts_at="22:00", ends_at="06:00")


def _logs(cast: Cast, student: Student, now: datetime) -> None:
    assert student.user is not None
    herself = Actor(
        id=f"user:{student.user_id}", label=NAME, address=ADDRESS, user_agent="zqbrowser"
    )
    log_event(actor=herself, action="test.acted", now=now, target=student)
    log_event(
        actor=Actor(id=f"user:{cast.admin.pk}", label="Admin"),
        action="accounts.student.changed",
        now=now,
        target=student,
        data={"first_name": ["Old", NAME], "line": f"a\n{NAME}", "email": [student.email, "x"]},
    )
    log_platform_event(actor=herself, action="test.signed_in", now=now, target=student.user)
    Job.objects.create(
        kind="imports.check", title=f"Roster of {NAME}", result={"invited": [student.email]},
        created_by=student.user, created_at=now, status="succeeded", finished_at=now,
    )  # fmt: skip
    Job.objects.create(
        kind=EXPORT, title="Report", result={"stored_as": store_report(b"zqword")},
        created_at=now, status="succeeded", finished_at=now,
    )  # fmt: skip
    ImportRun.objects.create(
        kind="students",
        filename=f"{NAME}.xlsx",
        size=1,
        sha256="0" * 64,
        stored_as=store_file(b"zqword"),
        status="done",
        problems=[{"row": 1, "text": NAME}],
        questions=[{"examples": [{"cell": NAME}]}],
        created_by=student.user,
        created_at=now,
    )
    LegacyMove.objects.create(
        system="sis",
        filename="backup_data.json",
        size=6,
        sha256="0" * 64,
        stored_as=(stored := Stored([b"zqword"])).name,
        pieces=stored.pieces,
        report_as=report_store(b"zqword"),
        status="checked",
        created_by=student.user,
        created_at=now,
    )
    ImportAnswer.objects.create(
        kind="students", key="sheets", value="*", answered_by=student.user, answered_at=now
    )
    cache.set("about-her", {"name": NAME}, 600)
    log_event(actor=SYSTEM, action="test.after", now=now)


# --- Searching -----------------------------------------------------------------------------------


def rows_with(values: Iterable[str]) -> list[tuple[str, str]]:
    """(table, value) for every row of the database, past all row level security."""
    found = set()
    with tables._connection() as connection:
        campuses = connection.execute("SELECT id FROM tenants_campus").fetchall()
        named = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p')"
        ).fetchall()
        # In each campus and outside all of them: the owner of named servers is no superuser.
        for scope in [*(str(pk) for (pk,) in campuses), ""]:
            connection.execute("SELECT set_config('campus.id', %s, false)", [scope])
            for (table,) in named:
                statement = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))
                for (text,) in connection.execute(statement):
                    found |= {(table, value) for value in values if _is_in(value, text)}
    return sorted(found)


def _is_in(value: str, text: str) -> bool:
    """As text, or as bytes in PostgreSQL's hexadecimal."""
    return value.lower() in text.lower() or value.encode().hex() in text


def stored_names(folder: str = "") -> Iterator[str]:
    """Every object of the storage."""
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}".lstrip("/") for name in names)
    for below in folders:
        yield from stored_names(f"{folder}/{below}".lstrip("/"))


def server_texts() -> Iterator[str]:
    """Everything that Valkey holds, queued tasks with their decoded bodies included."""
    client: Any = cache._cache.get_client(None, write=True)  # type: ignore[attr-defined]
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        values = {
            b"string": lambda key=key: [client.get(key)],
            b"list": lambda key=key: client.lrange(key, 0, -1),
            b"set": lambda key=key: client.smembers(key),
            b"hash": lambda key=key: [*client.hgetall(key).values()],
            b"zset": lambda key=key: client.zrange(key, 0, -1),
        }[kind]()
        for value in [key, *filter(None, values)]:
            text = value.decode(errors="ignore")
            yield text
            for part in text.split('"'):
                if len(part) > 40:
                    yield base64.b64decode(part + "==", validate=False).decode(errors="ignore")
