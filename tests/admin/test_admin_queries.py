"""A list of thirty rows asks the database no more than a list of three."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AllowedAddress, Contact, Device, Faculty, Invitation, Student, User
from apps.announcements.models import Announcement
from apps.api_keys.models import ApiKey
from apps.attendance.models import (
    AttendanceRecord,
    BulkChange,
    CustomStatus,
    Policy,
    RecordChange,
    RecordSource,
    Status,
)
from apps.audit.services import (
    SYSTEM,
    Actor,
    Redacted,
    entries_redact,
    log_event,
    put_aside,
    seal_pending,
)
from apps.biometrics.models import (
    CampusThreshold,
    FaceModel,
    FaceSample,
    FaceTemplate,
    FaceVerification,
    StoredImage,
)
from apps.cameras.models import (
    Camera,
    CameraEvent,
    CameraFrame,
    CameraSystemEvent,
    UnknownPerson,
)
from apps.cameras.services.cameras import camera_add
from apps.checkin.models import CheckInAttempt, Method, OnlineMinute, Outcome, RapidCodeChallenge
from apps.class_photos.models import ClassPhoto, PhotoFace, PhotoReview
from apps.classrooms.models import Beacon, Building, Classroom
from apps.enrollments.models import (
    Course,
    Department,
    Grade,
    Placement,
    Section,
    SourcedId,
    Subject,
    Term,
)
from apps.identity_providers.models import (
    EmergencyAccount,
    IdentityProvider,
    Leaver,
    MetadataSource,
    ProviderLink,
    ProviderName,
    SamlKey,
    ScimClient,
    ScimPerson,
)
from apps.imports.models import ImportAnswer, ImportRun
from apps.integrity.models import Finding, FindingKind
from apps.jobs.models import Job
from apps.learning.models import FaceDrift, LearnedSample, LearningSetting
from apps.leave.models import Appeal, Attachment, LeaveRequest
from apps.legacy.models import LegacyMove
from apps.liveness.models import LivenessCheck, LivenessFrame
from apps.lti.models import LtiKey, LtiLink, LtiPerson, LtiPlatform, LtiRegistration, LtiScore
from apps.notifications.models import Delivery, Message, Preference, PushToken, QuietHours
from apps.oneroster.models import (
    OneRosterClient,
    OneRosterConnection,
    OneRosterRow,
    OneRosterRun,
)
from apps.privacy.models import Consent, ErasureRequest, PrivacyRules, SearchPermission
from apps.qr_otp.models import OneTimeCode, QrSecret, Scan, Tries
from apps.register_exports.models import DeletedRow, RegisterExport, WarehouseSetting
from apps.tenants.models import Campus, CampusModel
from apps.tenants.scope import campus_scope
from apps.terminals.models import CardTerminal, Punch
from apps.terminals.services.cards import card_add
from apps.terminals.services.terminals import terminal_add
from apps.timetable.models import CalendarLink, GeneratedSession, Holiday, SlotCourse, WeeklySlot
from apps.timetable_feeds.models import FeedCode, FeedMeeting, FeedRun, TimetableFeed
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services import endpoint_add
from tests.admin.support import client_of, url
from tests.factories import Cast, enroll, make_faculty, make_session, make_student

pytestmark = pytest.mark.django_db

# One row per campus, by a constraint.
SINGLE = {
    *(
        "biometrics.TemplateKey",
        "learning.LearningSetting",
        "notifications.CampusMessages",
        "oneroster.OneRosterConnection",
        "privacy.PrivacyRules",
    ),
    "register_exports.WarehouseSetting",
    "terminals.CardKey",
}


def a_lot(campus: Campus, numbers: range, now: datetime) -> None:
    """For each number one row of every kind, all of them related to different rows."""
    for n in numbers:
        with campus_scope(campus):
            _study(n, now)


def _study(n: int, now: datetime) -> None:
    department = Department.objects.create(code=f"D{n}", name="D")
    section = Section.objects.create(department=department, year=1, name="B")
    building = Building.objects.create(name=f"B{n}")
    room = Classroom.objects.create(building=building, room_number="1")
    Beacon.objects.create(classroom=room, identifier=f"beacon-{n}")
    term = Term.objects.create(
        name=f"T{n}", academic_year="2026-2027", starts_on="2026-09-01", ends_on="2027-01-01"
    )
    faculty: Faculty = make_faculty(f"FAC{n}")
    student = make_student(f"STU{n}")
    subject = Subject.objects.create(code=f"S{n}", name="S")
    course = Course.objects.create(
        code=f"C{n}", term=term, subject=subject, section=section, faculty=faculty, classroom=room
    )
    enroll(student, course)
    Placement.objects.create(student=student, section=section)
    AllowedAddress.objects.create(email=f"a{n}@else.example", note="N")
    Invitation.objects.create(
        email=student.email, role="student", student=student, sent_at=now, expires_at=now
    )
    Grade.objects.create(
        student=student, subject=subject, points=1, grade="A", given_on="2026-09-01"
    )
    Policy.objects.create(course=course, version=1, created_at=now)
    _timetable(n, course, now)
    _messages(n, student, section, now)
    _import(n, faculty.user, now)
    _other_systems(n, faculty.user, student, course, now)
    _feed(n, course, now)
    _check_in(n, student, course, now)
    _face(n, student, now)


def _messages(n: int, student: Student, section: Section, now: datetime) -> None:
    user = student.user
    message = Message.objects.create(
        key=f"k{n}", kind="announcement", title="T", body="B", sender=user, created_at=now
    )
    Delivery.objects.create(
        message=message, user=user, channel="email", next_try_at=now, created_at=now
    )
    PushToken.objects.create(user=user, device_type="ios", token=f"t{n}")
    Preference.objects.create(user=user, kind="absence", channel="sms", is_wanted=True)
    QuietHours.objects.create(user=user, starts_at="22:00", ends_at="07:00")
    Announcement.objects.create(
        sender=student,
        section=section,
        outbox=message,
        title="T",
        message="B",
        recipient_count=1,
        nonce=f"n{n}",
        sent_at=now,
    )


def _import(n: int, user: User | None, now: datetime) -> None:
    job = Job.objects.create(kind="import", title="Students", created_by=user, created_at=now)
    ImportRun.objects.create(
        kind="students", filename="1.xlsx", size=1, job=job, created_by=user, created_at=now
    )
    LegacyMove.objects.create(
        system="sis",
        filename="1.db",
        size=1,
        pieces=1,
        status=LegacyMove.Status.CHECKED,
        job=job,
        created_by=user,
        created_at=now,
    )
    ImportAnswer.objects.create(
        kind="students", key=f"k{n}", value="v", text="Q?", answered_by=user, answered_at=now
    )


def _other_systems(
    n: int, user: User | None, student: Student, course: Course, now: datetime
) -> None:
    room = course.classroom
    ApiKey.objects.create(
        user=user,
        name="Script",
        scope="read",
        lookup=f"{n:012x}",
        digest=b"",
        created_at=now,
        expires_at=now + timedelta(days=30),
    )
    provider = IdentityProvider.objects.create(
        name=f"Login {n}", issuer=f"https://login{n}.example", client_id="c"
    )
    ProviderLink.objects.create(
        provider=provider, issuer=provider.issuer, subject="s", user=user, last_used_at=now
    )
    ProviderName.objects.create(provider=provider, digest=b"", user=user, last_used_at=now)
    MetadataSource.objects.create(name=f"F{n}", address="https://f.example", certificates="")
    SamlKey.objects.create(sealed_key=b"", certificate="", created_at=now, signs_from=now)
    EmergencyAccount.objects.create(user=user, note="N")
    client = ScimClient.objects.create(name=f"D{n}", lookup=f"{n}", digest=b"", created_at=now)
    ScimPerson.objects.create(client=client, user=user, external_id="e")
    Leaver.objects.create(user=user, left_at=now, roles=["faculty"], entries=[])
    terminal = CardTerminal(name=f"Door {n}", classroom=room)
    terminal_add(terminal, now=now, actor=SYSTEM)
    card_add(student=student, number=f"9000{n}", now=now, actor=SYSTEM)
    Punch.objects.create(
        terminal=terminal,
        key="1",
        digest=b"",
        student=student,
        session=make_session(course, starts_at=now + timedelta(days=n, hours=7)),
        read_at=now,
        at=now,
        received_at=now,
        status="queued",
        reason="too_early",
    )
    endpoint = WebhookEndpoint(
        name=f"Library {n}", url="https://library.example/", events=["session.opened"]
    )
    endpoint_add(endpoint, now=now)
    _learning(n, now)
    _roster(n, now)
    WebhookDelivery.objects.create(
        endpoint=endpoint, event_key=uuid.uuid4(), event="session.opened", at=now, next_try_at=now
    )


def _roster(n: int, now: datetime) -> None:
    """One service for each campus, and every reading and row of it."""
    service, _made = OneRosterConnection.objects.get_or_create(
        name="SIS", url="https://sis.example", token_url="https://sis.example", client_id="c"
    )
    OneRosterRun.objects.create(connection=service, created_at=now)
    WarehouseSetting.objects.get_or_create(target="lake", defaults={"sealed_key": b"k"})
    RegisterExport.objects.create(target="lake", people="pseudonyms", file_format="csv", until=now)
    DeletedRow.objects.create(source="enrollments_course", key=f"{n}", deleted_at=now)
    OneRosterClient.objects.create(name=f"R{n}", purpose="p", digest=b"", created_at=now)
    SourcedId.objects.create(student=Student.objects.order_by("-pk")[0], sourced_id=f"s{n}")
    SourcedId.objects.create(course=Course.objects.order_by("-pk")[0], sourced_id=f"k{n}")
    OneRosterRow.objects.create(
        connection=service,
        collection="users",
        sourced_id=str(n),
        values={},
        student=Student.objects.order_by("-pk")[0],
        faculty=Faculty.objects.order_by("-pk")[0],
    )


def _feed(n: int, course: Course, now: datetime) -> None:
    feed = TimetableFeed.objects.create(name=f"Planner {n}", format="ical", term=course.term)
    FeedCode.objects.create(feed=feed, kind="room", theirs="Hall", ours="Main 101")
    FeedRun.objects.create(feed=feed, created_at=now)
    FeedMeeting.objects.create(
        feed=feed,
        key=str(n),
        called=course.code,
        course=course,
        session=make_session(course, starts_at=now + timedelta(days=400 + n)),
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        classroom=course.classroom,
        faculty=course.faculty,
    )


def _learning(n: int, now: datetime) -> None:
    platform = LtiPlatform.objects.create(
        name=f"Moodle {n}", issuer="https://lms.example", client_id=str(n), deployment_ids=["1"]
    )
    course = Course.objects.order_by("-pk")[0]
    student = Student.objects.order_by("-pk")[0]
    link = LtiLink.objects.create(platform=platform, context_id="7", course=course)
    LtiPerson.objects.create(platform=platform, subject="1", student=student, connected_at=now)
    LtiScore.objects.create(link=link, student=student, subject="1", score=9, maximum=10)
    LtiKey.objects.create(sealed_key=b"sealed", public_jwk={}, created_at=now, signs_from=now)
    LtiRegistration.objects.create(
        name=f"Moodle {n}",
        digest=f"{n}".encode(),
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )


def _timetable(n: int, course: Course, now: datetime) -> None:
    slot = WeeklySlot.objects.create(
        course=course, weekday=1, starts_at="10:00", ends_at="11:00", classroom=course.classroom
    )
    other = Course.objects.create(
        code=f"J{n}", term=course.term, subject=course.subject, faculty=course.faculty
    )
    SlotCourse.objects.create(slot=slot, course=other)
    GeneratedSession.objects.create(
        slot=slot,
        week="2026-09-14",
        session=make_session(course, starts_at=now + timedelta(days=n + 1)),
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        classroom=course.classroom,
        faculty=course.faculty,
        created_at=now,
    )
    Holiday.objects.create(
        name=f"H{n}", first_day="2026-10-01", last_day="2026-10-01", course=course
    )
    CalendarLink.objects.create(
        user=course.faculty.user, token_hash=f"h{n}".encode(), created_at=now
    )


def _check_in(n: int, student: Student, course: Course, now: datetime) -> None:
    Contact.objects.create(
        student=student,
        name=f"N{n}",
        relation="guardian",
        phone=f"+49151{n:07d}",
        consented_on=now.date(),
        consent_note="form",
    )
    device = Device.objects.create(
        student=student,
        device_uuid=f"d{n}",
        public_key=f"k{n}".encode(),
        kind="ios",
        bound_at=now,
        last_seen_at=now,
    )
    session = make_session(course, starts_at=now)
    named: dict[str, Any] = {"purpose": "check_in", "subject": str(session.pk)}
    QrSecret.objects.create(**named, sealed_secret=b"s", created_at=now)
    OneTimeCode.objects.create(
        **named,
        code_hash=f"h{n}".encode(),
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    Tries.objects.create(**named, who=f"S{n}", count=1, last_at=now)
    scan = Scan.objects.create(**named, scanner=f"S{n}", method="qr", accepted=True, at=now)
    attempt = CheckInAttempt.objects.create(
        session=session,
        student=student,
        device=device,
        scan=scan,
        nonce=f"nonce-{n}",
        method=Method.QR,
        outcome=Outcome.ACCEPTED,
        factors={"qr": {"passed": True, "confidence": 1, "detail": {}}},
        received_at=now,
    )
    own = CustomStatus.objects.create(
        code=f"s{n}", name="S", meaning=Status.LATE, points=1, counts_as="attended"
    )
    kept = AttendanceRecord.objects.create(
        session=session,
        student=student,
        status=Status.LATE,
        label=own,
        policy=course.policies.first(),
        source=RecordSource.CHECK_IN,
        attempt_id=attempt.pk,
        recorded_at=now,
    )
    _leave(n, kept, now)
    review = PhotoReview.objects.create(session=session, started_at=now, delete_after=now)
    photo = ClassPhoto.objects.create(review=review, number=1, added_at=now)
    box = dict.fromkeys(("number", "left", "top", "width", "height"), 1)
    PhotoFace.objects.create(photo=photo, meaning="unknown", student=student, **box)
    bulk = BulkChange.objects.create(session=session, nonce=f"b{n}", actor_label="a", at=now)
    camera = Camera(name=f"Camera {n}", classroom=session.classroom)
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
        session=session,
        bulk=bulk,
    )
    CameraSystemEvent.objects.create(camera=camera, at=now, event_type="lost")
    CameraFrame.objects.create(camera=camera, key="1", at=now, received_at=now)
    RecordChange.objects.create(
        record=kept,
        session=session,
        student=student,
        batch=bulk,
        after=Status.LATE,
        after_label=own.code,
        reason="r",
        actor_label="a",
        at=now,
    )
    Finding.objects.create(
        session=session, student=student, kind=FindingKind.SLOW_REDEEM, score="0.5", at=now
    )
    RapidCodeChallenge.objects.create(
        session=session, first_window=n, started_at=now, started_by="a", settled_at=now
    )
    put_aside(entries=[log_event(actor=SYSTEM, action="test.bad", now=now)], now=now)
    gone = Actor(id=f"user:gone-{n}", label="Gone")
    log_event(actor=gone, action="test.gone", now=now)
    entries_redact(
        who=Redacted(actor_id=gone.id, pattern="", in_json="", pseudonym=f"erased-{n}"), now=now
    )
    OnlineMinute.objects.create(user_id=n, minute=n, heard_at=now)
    log_event(actor=SYSTEM, action="test.done", now=now, target=kept)
    seal_pending(now=now)


def _leave(n: int, record: AttendanceRecord, now: datetime) -> None:
    document = Attachment.objects.create(
        student=record.student,
        key=f"k{n}",
        kind="application/pdf",
        size=1,
        stored_at=now,
        delete_after=now,
    )
    asked: dict[str, Any] = {
        "student": record.student,
        "attachment": document,
        "nonce": f"n{n}",
        "requested_at": now,
    }
    LeaveRequest.objects.create(
        course=record.session.course,
        starts_at=now,
        ends_at=now + timedelta(days=1),
        category="family",
        reason="R",
        **asked,
    )
    Appeal.objects.create(
        record=record,
        session=record.session,
        against="absent",
        wanted="present",
        text="T",
        deadline_at=now,
        **asked,
    )


def _face(n: int, student: Student, now: datetime) -> None:
    model = FaceModel.objects.create(
        name=f"M{n}", version="1", dimension=3, threshold=0.5, sha256="0" * 64
    )
    CampusThreshold.objects.create(model=model, threshold=0.4)
    consent = Consent.objects.create(student=student, kind="face", version="1", given_at=now)
    ErasureRequest.objects.create(student=student, asked_at=now, due_at=now)
    if not PrivacyRules.objects.exists():
        PrivacyRules.objects.create()
    SearchPermission.objects.create(version=n + 1, asked_anew=1, written_at=now)
    image = StoredImage.objects.create(
        id=uuid.uuid4(), key=f"k{n}", sha256=f"{n:064}", size=1, stored_at=now
    )
    sample = FaceSample.objects.create(
        student=student, consent=consent, image=image, created_at=now
    )
    FaceTemplate.objects.create(
        student=student,
        sample=sample,
        model=model,
        frame=uuid.uuid4().bytes,
        vector=[1.0, 0.0, 0.0],
        checksum=b"c",
        created_at=now,
    )
    FaceVerification.objects.create(
        student=student, model=model, reference=f"r{n}", decision="matched", at=now
    )
    turned = LivenessCheck.objects.create(
        student=student, reference=f"r{n}", turns="left,up", told_at=now, sent_at=now
    )
    LivenessFrame.objects.create(check_of=turned, student=student, seen_at=now)
    LearnedSample.objects.create(
        student=student, sample=sample, check_in=uuid.uuid4(), distance=0.3, learned_at=now
    )
    FaceDrift.objects.create(student=student, matches=12, earlier=0.5, lately=0.6, measured_at=now)
    LearningSetting.objects.get_or_create()


@pytest.fixture
def client(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


def statements(client: Client, page: str, *, warm: bool = True) -> int:
    """How many the page takes; unless warmed, with those that fill caches for longer."""
    if warm:
        client.get(page)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(page)
    assert answer.status_code == 200
    return len(queries)


def pages() -> list[Any]:
    labels = [
        model._meta.label
        for model in admin.site._registry
        if (issubclass(model, CampusModel) or model is User) and model._meta.label not in SINGLE
    ]
    return sorted(labels)


@pytest.mark.slow
def test_lists_and_searches_ask_no_more_for_thirty_rows_than_for_three(
    cast: Cast, client: Client, now: datetime
) -> None:
    lists = {label: url(apps.get_model(label), "changelist") for label in pages()}
    searches = {f"{label}?q": f"{page}?q=1" for label, page in lists.items()}
    a_lot(cast.campus, range(3), now)
    few = {label: statements(client, page) for label, page in (lists | searches).items()}
    a_lot(cast.campus, range(3, 33), now)
    many = {
        label: statements(client, page, warm=False) for label, page in (lists | searches).items()
    }
    # What is cached for a minute (which campus lives at a host) may have run out in between.
    again = {label: page for label, page in (lists | searches).items() if many[label] > few[label]}
    many |= {label: statements(client, page) for label, page in again.items()}
    with campus_scope(cast.campus):
        counts = {label: apps.get_model(label)._default_manager.count() for label in lists}
    assert {label: n for label, n in counts.items() if n < 30} == {}
    grown = {label: (few[label], many[label]) for label in few if many[label] > few[label]}
    assert grown == {}
    assert max(many.values()) <= 15, many


@pytest.mark.slow
def test_pages_of_one_row_ask_no_more_when_there_are_many(
    cast: Cast, client: Client, now: datetime
) -> None:
    def latest() -> dict[str, str]:
        """The page of the newest row of each."""
        with campus_scope(cast.campus):
            rows = {
                label: apps.get_model(label)._default_manager.order_by("-pk").first()
                for label in pages()
            }
        return {label: url(type(row), "change", row.pk) for label, row in rows.items() if row}

    a_lot(cast.campus, range(3), now)
    few = {label: statements(client, page) for label, page in latest().items()}
    a_lot(cast.campus, range(3, 23), now)
    found = latest()
    many = {label: statements(client, page, warm=False) for label, page in found.items()}
    again = {label: page for label, page in found.items() if many[label] > few[label]}
    many |= {label: statements(client, page) for label, page in again.items()}
    assert set(many) == set(pages())
    grown = {label: (few[label], many[label]) for label in few if many[label] > few[label]}
    assert grown == {}
