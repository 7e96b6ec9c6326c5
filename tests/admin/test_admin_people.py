"""Adding people, photos and beacons: what is typed in the administration goes to a service."""

from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from apps.accounts.models import AllowedAddress, Faculty, Membership, Role, Student, User
from apps.audit.models import Entry
from apps.biometrics.models import FaceSample
from apps.checkin.factors.bluetooth import expected_identifiers, rotating_identifier
from apps.classrooms.models import Beacon
from apps.notifications.models import Delivery
from apps.privacy.models import Consent
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.notifications.support import deliver

pytestmark = pytest.mark.django_db

NEW = {"code": "N900", "first_name": "Ada", "last_name": "L", "email": "Ada@North.example"}


@pytest.fixture
def admin_client(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


def errors_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def soon() -> datetime:
    return timezone.now() + timedelta(seconds=1)


@pytest.mark.parametrize("who", ["admin", "operator"])
def test_a_new_student_has_an_account_a_role_and_a_mail(
    cast: Cast, mailoutbox: list[Any], who: str
) -> None:
    client = client_of(cast, getattr(cast, who))
    answer = client.post(url(Student, "add"), {**NEW, "year_of_study": 2})
    assert answer.status_code == 302
    with campus_scope(cast.campus):
        student = Student.objects.get(code="N900")
        assert student.user is not None
        assert student.user.email == student.email == "ada@north.example"
        assert not student.user.has_usable_password()
        assert Membership.objects.get(user=student.user).role == Role.STUDENT
        assert Entry.objects.filter(action="accounts.student.created").count() == 1
    assert mailoutbox == []
    assert deliver(cast.campus, "email", soon()) == 1
    assert [mail.to for mail in mailoutbox] == [["ada@north.example"]]
    assert "/accounts/password/reset/key/" in mailoutbox[0].body


def test_a_new_lecturer_has_an_account_and_a_role(cast: Cast, admin_client: Client) -> None:
    assert admin_client.post(url(Faculty, "add"), NEW).status_code == 302
    with campus_scope(cast.campus):
        person = Faculty.objects.get(code="N900")
        assert Membership.objects.get(user=person.user).role == Role.FACULTY


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"year_of_study": 9}, "year_of_study"),
        ({"code": "stud"}, "__all__"),
        ({"email": "STUD@north.example"}, "__all__"),
        ({"email": "nobody"}, "email"),
        ({"code": "-"}, "code"),
        ({"phone": "12"}, "phone"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_student_is_said_at_the_field(
    cast: Cast, admin_client: Client, mailoutbox: list[Any], change: dict[str, Any], field: str
) -> None:
    answer = admin_client.post(url(Student, "add"), {**NEW, **change})
    assert field in errors_of(answer)
    assert mailoutbox == []


def test_changing_a_student_keeps_account_and_state(cast: Cast, admin_client: Client) -> None:
    form = {
        **NEW,
        "code": "STUD",
        "email": cast.student.email,
        "user": cast.admin.pk,
        "contacts-TOTAL_FORMS": 0,
        "contacts-INITIAL_FORMS": 0,
        "devices-TOTAL_FORMS": 0,
        "devices-INITIAL_FORMS": 0,
    }
    answer = admin_client.post(url(Student, "change", cast.student.pk), form)
    assert answer.status_code == 302
    with campus_scope(cast.campus):
        student = Student.objects.get(pk=cast.student.pk)
    assert (student.first_name, student.user, student.is_active) == ("Ada", cast.student.user, True)


def test_a_new_account_gets_its_roles_and_a_mail(
    cast: Cast, admin_client: Client, mailoutbox: list[Any]
) -> None:
    form = {"email": "dean@north.example", "name": "Dean", "roles": [Role.PRINCIPAL, Role.FACULTY]}
    assert admin_client.post(url(User, "add"), form).status_code == 302
    user = User.objects.get(email="dean@north.example")
    with campus_scope(cast.campus):
        roles = {role.role for role in Membership.objects.filter(user=user)}
    assert roles == {Role.PRINCIPAL, Role.FACULTY}
    assert deliver(cast.campus, "email", soon()) == 1
    assert [mail.to for mail in mailoutbox] == [["dean@north.example"]]


def test_an_account_that_exists_keeps_its_password_and_its_name(
    cast: Cast, other_cast: Cast, admin_client: Client
) -> None:
    before = User.objects.get(pk=other_cast.admin.pk)
    with campus_scope(cast.campus):
        AllowedAddress.objects.create(email=before.email, note="Of both.")
    form = {"email": before.email, "name": "Hijack", "roles": [Role.FACULTY]}
    assert admin_client.post(url(User, "add"), form).status_code == 302
    after = User.objects.get(pk=before.pk)
    assert (after.name, after.password) == (before.name, before.password)


def test_the_same_role_twice_changes_nothing(cast: Cast, admin_client: Client) -> None:
    form = {"email": cast.principal.email, "name": "", "roles": [Role.PRINCIPAL]}
    assert admin_client.post(url(User, "add"), form).status_code == 302
    with campus_scope(cast.campus):
        assert Membership.objects.filter(user=cast.principal).count() == 1


def test_a_mail_server_that_is_away_undoes_nothing(
    cast: Cast, admin_client: Client, settings: Any
) -> None:
    """The e-mail waits in the outbox and is tried again."""
    settings.EMAIL_BACKEND = "apps.common.mail.TimedBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert admin_client.post(url(Student, "add"), NEW).status_code == 302
    assert deliver(cast.campus, "email", soon()) == 0
    with campus_scope(cast.campus):
        assert Student.objects.filter(code="N900").exists()
        assert Delivery.objects.get(channel="email").status == "failed"


class TestPhotos:
    @pytest.fixture
    def photo(self) -> SimpleUploadedFile:
        stream = BytesIO()
        Image.new("RGB", (200, 200), "grey").save(stream, "JPEG")
        return SimpleUploadedFile("face.jpg", stream.getvalue(), "image/jpeg")

    @pytest.fixture
    def agreed(self, cast: Cast, now: Any) -> None:
        cast.campus.face_enabled = True
        cast.campus.save()
        with campus_scope(cast.campus):
            Consent.objects.create(student=cast.student, kind="face", version="1", given_at=now)

    def test_a_photo_of_a_student_who_agreed_is_kept_for_judging(
        self, cast: Cast, admin_client: Client, photo: Any, agreed: None
    ) -> None:
        form = {"student": cast.student.pk, "photo": photo}
        assert admin_client.post(url(FaceSample, "add"), form).status_code == 302
        with campus_scope(cast.campus):
            assert FaceSample.objects.get().status == FaceSample.Status.PENDING
            assert Entry.objects.filter(action="biometrics.sample.added").count() == 1

    def test_without_consent_nothing_is_kept_and_the_page_says_why(
        self, cast: Cast, admin_client: Client, photo: Any, agreed: None
    ) -> None:
        form = {"student": cast.classmate.pk, "photo": photo}
        answer = admin_client.post(url(FaceSample, "add"), form, follow=True)
        assert b"has not agreed" in answer.content
        with campus_scope(cast.campus):
            assert not FaceSample.objects.exists()

    def test_what_is_no_photo_is_said_at_the_field(
        self, cast: Cast, admin_client: Client, agreed: None
    ) -> None:
        file = SimpleUploadedFile("face.jpg", b"not a photo", "image/jpeg")
        form = {"student": cast.student.pk, "photo": file}
        assert "photo" in errors_of(admin_client.post(url(FaceSample, "add"), form))

    @pytest.mark.parametrize("who", ["operator", "principal"])
    def test_only_administrators_enrol(self, cast: Cast, who: str) -> None:
        client = client_of(cast, getattr(cast, who))
        assert client.get(url(FaceSample, "add")).status_code == 403


class TestBeacons:
    SECRET = bytes(range(16))

    def form(self, cast: Cast, **fields: Any) -> dict[str, Any]:
        return {
            "classroom": cast.classroom.pk,
            "identifier": "hall-1",
            "min_rssi": -90,
            "is_active": "on",
            **fields,
        }

    def test_a_secret_goes_in_sealed_and_makes_the_beacon_rotate(
        self, cast: Cast, admin_client: Client, now: Any
    ) -> None:
        form = self.form(cast, secret=self.SECRET.hex())
        assert admin_client.post(url(Beacon, "add"), form).status_code == 302
        with campus_scope(cast.campus):
            beacon = Beacon.objects.get()
            entries = str(list(Entry.objects.values_list("data", flat=True)))
        content = admin_client.get(url(Beacon, "change", beacon.pk)).content.decode()
        assert self.SECRET.hex() not in content + entries
        from base64 import b64encode

        judged = {
            "identifier": "hall-1",
            "sealed_secret": b64encode(bytes(beacon.sealed_secret or b"")).decode(),
        }
        known = expected_identifiers(judged, campus_id=cast.campus.pk, now=now)
        assert rotating_identifier(self.SECRET, int(now.timestamp()) // 30) in known

    def test_a_sealed_beacon_keeps_its_name_and_its_secret(
        self, cast: Cast, admin_client: Client
    ) -> None:
        admin_client.post(url(Beacon, "add"), self.form(cast, secret=self.SECRET.hex()))
        with campus_scope(cast.campus):
            before = Beacon.objects.get()
        form = self.form(cast, identifier="other", min_rssi=-70)
        page = url(Beacon, "change", before.pk)
        assert admin_client.post(page, form).status_code == 302
        with campus_scope(cast.campus):
            after = Beacon.objects.get()
        assert (after.identifier, after.min_rssi) == ("hall-1", -70)
        assert bytes(after.sealed_secret or b"") == bytes(before.sealed_secret or b"-")

    @pytest.mark.parametrize("secret", ["xyz", "00" * 15])
    def test_a_bad_secret_is_refused(self, cast: Cast, admin_client: Client, secret: str) -> None:
        answer = admin_client.post(url(Beacon, "add"), self.form(cast, secret=secret))
        assert "secret" in errors_of(answer)
