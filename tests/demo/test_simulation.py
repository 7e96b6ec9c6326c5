"""The demo class: its parts one by one, and the whole of it against running servers."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from random import Random

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone
from PIL import Image

from apps.accounts.models import Device, Faculty, Student
from apps.attendance.models import AttendanceRecord, Status
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceSample, FaceVerification
from apps.checkin.factors.base import Fix
from apps.checkin.factors.location import distance_m
from apps.checkin.models import CheckInAttempt, Outcome
from apps.classrooms.models import Beacon
from apps.demo.loader import Loaded, load_demo
from apps.demo.simulation.acts import Played, by_browser
from apps.demo.simulation.album import Album, AlbumPerson, blurred, taken_again
from apps.demo.simulation.browser import Browsers, find_chromium
from apps.demo.simulation.cast import LEAST, PARTS, class_of, in_browsers
from apps.demo.simulation.casting import deal_faces, faces_wanted
from apps.demo.simulation.prepare import Account, Office
from apps.demo.simulation.qr_reader import UnreadableCode, read_qr
from apps.demo.simulation.report import percentile, row_of, settle_times, table
from apps.demo.simulation.room import Room
from apps.demo.simulation.server import SimulationError
from apps.enrollments.models import Course, Enrollment
from apps.ops.bringup import answers
from apps.ops.fleet import platform_services
from apps.privacy.models import Consent
from apps.privacy.services import consent_give
from apps.privacy.wording import WORDINGS
from apps.processes.spawning import wait_until
from apps.qr_otp.drawing import code_svg
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.biometrics.conftest import demo_faces, models_dir  # noqa: F401  (fixtures)
from tests.demo.conftest import NOON
from tests.ops.running import DEADLINE, Script, running

ROOM = Room(latitude=53.54, longitude=8.58, radius_m=40.0, beacon="hall-1")


def picture(*, noise: int) -> bytes:
    """A JPEG of 200 × 200 without a face."""
    buffer = BytesIO()
    Image.effect_noise((200, 200), noise).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def person(number: int) -> AlbumPerson:
    return AlbumPerson(samples=(b"s%d" % number,), selfies=(b"f%d" % number,))


# --- Reading the projector ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["C.1.42.T5X9QH.K4ZJ2T6WXYABCDEFGHIJKLMNOP", "C.ZZZ.1.A.7", "a/b c?"]
)
def test_the_code_is_read_from_the_very_picture_of_the_board(text: str) -> None:
    assert read_qr(code_svg(text)) == text


@pytest.mark.parametrize("svg", ["", "<svg></svg>", code_svg("C.1").replace("h7", "h1")])
def test_a_picture_without_a_code_is_said_to_have_none(svg: str) -> None:
    with pytest.raises(UnreadableCode):
        read_qr(svg)


# --- The room ----------------------------------------------------------------------------------


def test_fixes_lie_in_the_room_or_well_outside_its_fence() -> None:
    def distance(fix: dict[str, object]) -> float:
        latitude, longitude = (Decimal(str(fix[name])) for name in ("latitude", "longitude"))
        where = Fix(latitude=latitude, longitude=longitude, accuracy_m=8, age_s=1)
        return distance_m(where, ROOM.latitude, ROOM.longitude)

    random = Random(5)
    inside = [ROOM.fix(random) for _ in range(50)]
    assert max(distance(fix) for fix in inside) < 10
    assert len({(fix["latitude"], fix["longitude"]) for fix in inside}) == 50
    assert distance(ROOM.far_away(random)) > ROOM.radius_m + 390


# --- The cast and its faces --------------------------------------------------------------------


def test_a_class_is_as_large_as_asked_for_and_has_every_part() -> None:
    roles = class_of(30)
    assert len(roles) == len({role.key for role in roles}) == 30
    assert roles[-len(PARTS) :] == list(PARTS)
    assert len(class_of(LEAST)) == LEAST


def test_a_quick_class_waits_for_nobody() -> None:
    roles = class_of(24, quick=True)
    assert len(roles) == 24
    assert {role.after_s for role in roles} == {0.0}
    left_out = {role.key for role in class_of(24)} - {role.key for role in roles}
    assert left_out == {"LATE", "STOLEN"}


def test_with_enough_people_every_part_gets_its_own_face() -> None:
    roles = class_of(24)
    people = [person(number) for number in range(faces_wanted(roles))]
    casting = deal_faces(roles, people)
    assert list(casting.playing.values()) == roles
    assert sorted(casting.faces) == sorted(role.key for role in roles if role.face)
    assert len(set(map(id, casting.faces.values()))) == len(people)
    assert casting.another is not None
    assert casting.another is not casting.faces["IMPOSTOR"]


@pytest.mark.parametrize(
    ("number", "with_face", "left_out"),
    [
        (0, set(), {"IMPOSTOR", "BLURRED", "COPIED"}),
        (1, {"BLURRED"}, {"IMPOSTOR", "COPIED"}),
        (2, {"IMPOSTOR", "BLURRED"}, {"COPIED"}),
        (4, {"IMPOSTOR", "BLURRED", "COPIED", "001"}, set()),
    ],
)
def test_with_few_people_the_parts_about_faces_come_first(
    number: int, with_face: set[str], left_out: set[str]
) -> None:
    casting = deal_faces(class_of(24), [person(n) for n in range(number)])
    assert set(casting.faces) == with_face
    assert {role.key for role in casting.skipped} == left_out
    assert casting.playing["002"].expected.factors == {"face": "–", "location": "✓"}
    assert casting.playing["LATE"].expected.register == "late"


def test_a_portrait_taken_again_is_another_picture_of_the_same_size_or_less() -> None:
    photo = picture(noise=0)
    again = taken_again(photo)
    assert again not in (photo, blurred(photo))
    with Image.open(BytesIO(again)) as opened:
        assert opened.size == (184, 184)


def test_people_whose_photos_show_no_face_are_passed_over(
    tmp_path: Path,
    models_dir: Path,  # noqa: F811
) -> None:
    for name in ("grey", "noise"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(picture(noise=60 * (name == "noise")))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "1.jpg").write_bytes(b"not a photo")
    assert Album(tmp_path, seed=1).people(5) == []


def test_portraits_are_split_into_samples_and_a_selfie(
    demo_faces: Path,  # noqa: F811
    models_dir: Path,  # noqa: F811
) -> None:
    people = Album(demo_faces, seed=1).people(10)
    assert sorted((len(p.samples), len(p.selfies), p.derived) for p in people) == [
        (1, 1, True),
        (1, 1, True),
        (2, 1, False),
    ]
    assert Album(demo_faces, seed=1).people(10) == people


# --- The report --------------------------------------------------------------------------------


def attempt(**changes: object) -> dict[str, object]:
    factors = {"face": {"passed": True}, "location": {"passed": True}}
    return {"score": 1.0, "factors": factors, "face_state": "settled", **changes}


ON_TIME = class_of(24)[0]
MARKED = {"status": "present", "method": "qr"}


def test_what_came_as_expected_is_met() -> None:
    row = row_of(ON_TIME, Played(answer="accepted", attempt=attempt()), MARKED)
    assert row.met
    assert row.actual == "accepted; present; face ✓; location ✓; 1.00"


@pytest.mark.parametrize(
    ("played", "board"),
    [
        (Played(answer="accepted", attempt=attempt(score=0.99)), MARKED),
        (Played(answer="accepted", attempt=attempt()), {"status": "late", "method": "qr"}),
        (Played(answer="accepted", attempt=attempt()), {"status": "present", "method": "manual"}),
        (Played(answer="accepted", attempt=attempt()), None),
        (Played(answer="accepted", attempt=attempt(factors={})), MARKED),
        (Played(answer="pending", attempt=attempt()), MARKED),
        (Played(answer="410 expired_code"), MARKED),
        (None, MARKED),
    ],
)
def test_anything_else_differs_and_is_marked(
    played: Played | None, board: dict[str, str] | None
) -> None:
    row = row_of(ON_TIME, played, board)
    assert not row.met
    assert table([row])[1].startswith("DIFFERS  ")


def test_percentiles_and_settle_times() -> None:
    assert percentile([5, 1, 3, 2, 4], 50) == 3
    assert percentile([5, 1, 3, 2, 4], 95) == 5
    assert percentile([7], 50) == 7
    timed = attempt(received_at="2026-11-18T12:00:00Z", settled_at="2026-11-18T12:00:00.250000Z")
    faceless = attempt(face_state="none", received_at="", settled_at="")
    assert settle_times([Played(answer="", attempt=a) for a in (timed, faceless, {})]) == [250.0]


# --- The office --------------------------------------------------------------------------------


@pytest.fixture
def demo(loaded: Loaded) -> Campus:
    return loaded.campus


def test_a_class_is_prepared_and_cleared_for_the_next_one(demo: Campus) -> None:
    office = Office(campus=demo, now=NOON)
    large, small = class_of(24), class_of(20)
    first = office.prepare(large, lecturer=None)
    with campus_scope(demo):
        student = Student.objects.get(code="SIM-001")
        leave_traces(student)
    second = office.prepare(small, lecturer=None)
    assert first.course == second.course
    assert first.students["001"].id == second.students["001"].id == student.pk
    assert first.students["001"].password != second.students["001"].password
    with campus_scope(demo):
        enrolled = Enrollment.objects.filter(course_id=second.course, status="enrolled")
        assert enrolled.count() == 19  # all but the stranger
        assert not Device.objects.filter(student=student, is_active=True).exists()
        assert not Consent.objects.filter(student=student, withdrawn_at__isnull=True).exists()
        assert not enrolled.filter(student__code="SIM-STRANGER").exists()
        assert student.user is not None
        student.user.refresh_from_db()
        assert student.user.check_password(second.students["001"].password)
        assert not student.user.must_change_password


def leave_traces(student: Student) -> None:
    """A bound phone and a consent, as an earlier class leaves them."""
    Device.objects.create(
        student=student,
        device_uuid="old",
        public_key=b"old",
        kind=Device.Kind.ANDROID,
        bound_at=NOON,
        last_seen_at=NOON,
    )
    version = WORDINGS[Consent.Kind.FACE].version
    consent_give(student=student, kind="face", version=version, now=NOON, actor=SYSTEM)


def test_a_named_lecturer_holds_the_class(demo: Campus) -> None:
    account = Account(email="Leila.Rahmani@demo.example", password="their own")
    prepared = Office(campus=demo, now=NOON).prepare(class_of(LEAST), lecturer=account)
    assert prepared.lecturer is account
    with campus_scope(demo):
        assert Course.objects.get(pk=prepared.course).faculty.code == "F-101"
        assert not Faculty.objects.filter(code="SIM").exists()


def test_a_campus_that_is_not_fit_is_named(demo: Campus) -> None:
    office = Office(campus=demo, now=NOON)
    with pytest.raises(SimulationError, match=r"no lecturer .* nobody@demo\.example"):
        office.prepare([], lecturer=Account(email="nobody@demo.example", password=""))
    demo.face_enabled = False
    with pytest.raises(SimulationError, match="Face verification is off"):
        office.prepare([], lecturer=None)


def test_a_campus_without_beacons_gets_a_room_of_its_own(demo: Campus) -> None:
    office = Office(campus=demo, now=NOON)
    with campus_scope(demo):
        Beacon.objects.update(is_active=False)
    rooms = [office.prepare([], lecturer=None).room for _turn in range(2)]
    assert rooms[0] == rooms[1]
    with campus_scope(demo):
        place = Beacon.objects.get(is_active=True).classroom
        assert str(place) == "Simulated class SIM"
        assert Course.objects.get(code="SIM-SIM").classroom == place


# --- The command -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [LEAST - 1, 121])
def test_a_class_has_its_limits(number: int) -> None:
    with pytest.raises(CommandError, match="--students"):
        call_command("simulate_class", students=number)


@pytest.mark.parametrize("number", [-1, 3])
def test_no_more_students_than_are_on_time_are_in_a_browser(number: int) -> None:
    with pytest.raises(CommandError, match="--browser lies between 0 and 2"):
        call_command("simulate_class", students=LEAST + 1, browser=number)


def test_a_browser_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with (
        pytest.raises(SimulationError, match="Students in a browser need Playwright"),
        Browsers(url="", campus=""),
    ):
        pass  # it never gets here


def test_a_browser_that_does_not_start_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/nowhere/chromium")
    with pytest.raises(SimulationError, match="/nowhere/chromium"), Browsers(url="", campus=""):
        pass  # it never gets here


def test_the_first_of_those_on_time_are_in_browsers() -> None:
    roles = in_browsers(class_of(22), 2)
    assert [role.act is by_browser for role in roles[:4]] == [True, True, False, False]
    assert {role.face for role in roles[:2]} == {""}
    assert roles[2:] == class_of(22)[2:]


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match=r"No server answers at http://127\.0\.0\.1:1"):
        call_command("simulate_class", url="http://127.0.0.1:1")


@override_settings(DEMO_ALLOWED=False)
def test_no_class_is_played_where_settings_say_no() -> None:
    with pytest.raises(CommandError, match="DEMO_ALLOWED"):
        call_command("simulate_class")


def stop(script: Script) -> None:
    """Ask it to end its own children too, before it is killed."""
    script.process.terminate()
    script.finish()


@pytest.fixture
def portraits(request: pytest.FixtureRequest) -> Path | None:
    """Real faces with an engine for them, or None where this machine can get neither."""
    try:
        request.getfixturevalue("models_dir")
        return Path(request.getfixturevalue("demo_faces"))
    except pytest.skip.Exception:
        return None


@pytest.fixture
def platform(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """A web server and a face worker on the tests' database; gives the server's address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    services = {s.name: s for s in platform_services(host="127.0.0.1", port=port, var=tmp_path)}
    models = str(settings.CAMPUS_MODELS_DIR)
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "CAMPUS_MODELS_DIR": models}
    with ExitStack() as stack:
        for name in ("web", "faces"):
            _python, *arguments = services[name].command
            log = tmp_path / f"{name}.log"
            service_env = {**env, **services[name].env}
            script = stack.enter_context(running(*arguments, log=log, env=service_env))
            stack.callback(stop, script)
            if name == "faces":
                script.wait_for("ready.")
        url = f"http://127.0.0.1:{port}"
        assert wait_until(lambda: answers(f"{url}/healthz"), timeout=DEADLINE)
        yield url


CHROMIUM = find_chromium()


@pytest.mark.slow
def test_the_whole_class_ends_as_expected(
    platform: str, portraits: Path | None, tmp_path: Path
) -> None:
    """Takes a minute: somebody has to be late by the server's clock.

    Where there is a Chromium, one of the two who are on time is in it.
    """
    in_chromium, pictures = int(CHROMIUM is not None), tmp_path / "pictures"
    campus = load_demo(slug="demo", now=timezone.now()).campus
    output = StringIO()
    folder = portraits or tmp_path / "nobody"
    folder.mkdir(exist_ok=True)
    call_command(
        "simulate_class",
        url=platform,
        faces=folder,
        students=20,
        browser=in_chromium,
        pictures=pictures,
        stdout=output,
        no_color=True,
    )
    said = output.getvalue()
    assert "DIFFERS" not in said
    played, skipped = (20, 0) if portraits else (17, 3)
    assert f"{played} of {played} outcomes as expected" in said
    assert said.count("not played: no portrait left for it") == skipped
    assert all(f"{kind}: p50 " in said for kind in ("redeem", "check-in"))
    assert said.count("opens the link in Chromium") == in_chromium
    with campus_scope(campus):
        check_register(faces=3 if portraits else 0)
        kinds = Device.objects.filter(student__code="SIM-001").values_list("kind", flat=True)
        assert list(kinds) == (["web"] if in_chromium else ["android"])
    if in_chromium:
        saved = {path.stem: path for path in pictures.iterdir()}
        screens = ("1-sign-in", "2-bind", "3-result")
        assert sorted(saved) == ["projector", *(f"student-001-{name}" for name in screens)]
        with Image.open(saved["student-001-3-result"]) as phone:
            assert phone.size == (780, 1688)


def check_register(*, faces: int) -> None:
    """What the database holds after the class, seen past the API."""
    session = ClassSession.objects.get(course__code="SIM-SIM")
    records = AttendanceRecord.objects.filter(session=session)
    attempts = CheckInAttempt.objects.filter(session=session)
    assert session.status == ClassSession.Status.COMPLETED
    assert records.count() == session.total_enrolled == records.values("student").distinct().count()
    assert not records.filter(student__code="SIM-STRANGER").exists()
    assert records.get(student__code="SIM-LATE").status == Status.LATE
    assert attempts.filter(student__code="SIM-RETRY").count() == 1
    assert not attempts.filter(outcome=Outcome.PENDING).exists()
    assert FaceSample.objects.filter(status="accepted").count() == FaceSample.objects.count()
    assert FaceVerification.objects.count() == faces
    if faces:
        decisions = FaceVerification.objects.values_list("decision", flat=True)
        assert sorted(decisions) == ["matched", "not_matched", "undecided"]
