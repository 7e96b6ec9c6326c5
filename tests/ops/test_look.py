"""A campus's logo: what is taken, what is kept, who sees it; and the page that changes it."""

import hashlib
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django.fixtures import Settings

from apps.accounts.models import Role, User
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.models import StoredImage
from apps.common.errors import Invalid
from apps.ops.logos import MAX_BYTES, SIDE, logo_png, logo_set
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_user
from tests.notifications.support import deliver, tell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "media"
    default = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": folder},
    }
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return folder


def picture(kind: str = "PNG", size: tuple[int, int] = (400, 200), colour: str = "red") -> bytes:
    drawn = BytesIO()
    Image.new("RGB", size, colour).save(drawn, kind)
    return drawn.getvalue()


def clear_picture() -> bytes:
    drawn = BytesIO()
    Image.new("RGBA", (50, 50), (255, 0, 0, 0)).save(drawn, "PNG")
    return drawn.getvalue()


def upload(data: bytes) -> dict[str, Any]:
    return {"logo": SimpleUploadedFile("logo.svg", data, "image/svg+xml")}


@pytest.fixture
def admin(cast: Cast) -> Client:
    client = Client(headers={"host": cast.host})
    client.force_login(cast.admin)
    return client


@pytest.fixture
def with_logo(cast: Cast, now: Any) -> Campus:
    with campus_scope(cast.campus):
        logo_set(png=logo_png(data=picture()), now=now, actor=SYSTEM)
    cast.campus.refresh_from_db()
    return cast.campus


def test_a_logo_is_made_anew_as_a_square_on_white() -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        kept = Image.open(BytesIO(logo_png(data=picture(kind))))
        assert (kept.format, kept.size, kept.mode) == ("PNG", (SIDE, SIDE), "RGB")
        assert kept.getpixel((0, 0)) == (255, 255, 255)
        red, green, _blue = kept.getpixel((SIDE // 2, SIDE // 2))  # type: ignore[misc]
        assert red > 240 > 20 > green
    assert Image.open(BytesIO(logo_png(data=clear_picture()))).getpixel((5, 5)) == (255, 255, 255)


def test_nothing_else_of_the_file_is_kept() -> None:
    hidden = b"<script>alert(1)</script>"
    assert hidden not in logo_png(data=picture() + hidden)


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + b"0" * 99, picture()[:90]],
    ids=["empty", "svg", "gif", "cut off"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="no picture"):
        logo_png(data=data)


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(Invalid, match="2 MB"):
        logo_png(data=picture() + b"0" * MAX_BYTES)


def test_an_administrator_sets_replaces_and_removes_it(
    admin: Client, cast: Cast, media: Path
) -> None:
    page = admin.get("/look")
    assert b"img/logo.svg" in page.content
    for colour in ("red", "blue"):
        assert admin.post("/look", upload(picture(colour=colour))).status_code == 302
        png = logo_png(data=picture(colour=colour))
        cast.campus.refresh_from_db()
        assert cast.campus.logo == hashlib.sha256(png).hexdigest()
        with campus_scope(cast.campus):
            assert StoredImage.objects.get(sha256=cast.campus.logo).delete_after is None
            others = StoredImage.objects.exclude(sha256=cast.campus.logo)
            assert all(image.delete_after for image in others)  # the one before goes
        (kept,) = media.rglob(f"{cast.campus.logo}.bin")
        assert png not in kept.read_bytes()  # sealed, as every image
        assert f"/logo/{cast.campus.logo}.png".encode() in admin.get("/look").content
    assert admin.post("/look", {"remove": "yes"}).status_code == 302
    cast.campus.refresh_from_db()
    assert cast.campus.logo == ""
    with campus_scope(cast.campus):
        noted = Entry.objects.filter(action__startswith="tenants.campus.logo")
        done = sorted(entry.action.rpartition("_")[2] for entry in noted)
        assert done == ["removed", "set", "set"]


def test_everybody_sees_it_before_and_after_signing_in(
    admin: Client, cast: Cast, with_logo: Campus
) -> None:
    address = f"/logo/{with_logo.logo}.png"
    visitor = Client(headers={"host": cast.host})
    student = Client(headers={"host": cast.host})
    student.force_login(cast.student.user)  # type: ignore[arg-type]
    for client, page in (
        (visitor, "/accounts/login/"),
        (student, "/attendance/"),
        (admin, "/look"),
    ):
        assert address.encode() in client.get(page, follow=True).content
    answer = visitor.get(address)
    assert answer.content == logo_png(data=picture())
    assert answer["Content-Type"] == "image/png"
    assert "immutable" in answer["Cache-Control"]


def test_only_what_is_the_logo_now_is_served(
    cast: Cast, other_cast: Cast, with_logo: Campus, now: Any
) -> None:
    before = f"/logo/{with_logo.logo}.png"
    assert Client(headers={"host": other_cast.host}).get(before).status_code == 404
    for wrong in ("0" * 64, "x", "é"):
        assert Client(headers={"host": cast.host}).get(f"/logo/{wrong}.png").status_code == 404
    with campus_scope(cast.campus):
        logo_set(png=None, now=now, actor=SYSTEM)
    assert Client(headers={"host": cast.host}).get(before).status_code == 404


def test_while_the_store_is_away_pages_show_the_platforms(
    cast: Cast, with_logo: Campus, media: Path
) -> None:
    (kept,) = media.rglob(f"{with_logo.logo}.bin")
    kept.write_bytes(b"rotten")
    for _again in range(2):
        answer = Client(headers={"host": cast.host}).get(f"/logo/{with_logo.logo}.png")
        assert answer["Location"].endswith("img/logo.svg")
        kept.unlink(missing_ok=True)


def test_a_store_that_is_full_changes_nothing(
    admin: Client, cast: Cast, with_logo: Campus, media: Path
) -> None:
    media.rename(media.with_name("aside"))
    media.write_text("in the way")
    answer = admin.post("/look", upload(picture(colour="blue")))
    assert answer.status_code == 503
    assert b"try again" in answer.content
    cast.campus.refresh_from_db()
    assert cast.campus.logo == with_logo.logo


def test_what_was_no_picture_is_said_at_the_field(admin: Client) -> None:
    answer = admin.post("/look", upload(b"<svg/>"))
    assert answer.status_code == 400
    assert b"Take a PNG" in answer.content


def test_others_do_not_change_it(cast: Cast) -> None:
    for user in (cast.operator, cast.principal, cast.lecturer.user, cast.student.user):
        client = Client(headers={"host": cast.host})
        client.force_login(user)  # type: ignore[arg-type]
        assert client.post("/look", upload(picture())).status_code == 403


def test_messages_are_in_the_campuss_language_for_who_chose_none(
    cast: Cast, settings: Settings, mailoutbox: list[Any]
) -> None:
    settings.LANGUAGES = [("en", "English"), ("ar", "العربية")]
    now = timezone.now()
    Campus.objects.filter(pk=cast.campus.pk).update(language="ar")
    chose = cast.lecturer.user
    User.objects.filter(pk=chose.pk).update(language="en")
    with campus_scope(cast.campus):
        tell(chose, cast.student.user, now=now, kind="account_security", key="k")
    deliver(cast.campus, "email", now + timedelta(seconds=1))
    spoken = {mail.to[0]: mail.extra_headers["Content-Language"] for mail in mailoutbox}
    assert spoken == {chose.email: "en", cast.student.email: "ar"}


class TestFirstSteps:
    def shown_to(self, user: User, cast: Cast) -> bool:
        client = Client(headers={"host": cast.host})
        client.force_login(user)
        return b"start-first-steps" in client.get("/admin/").content

    def test_hidden_for_everybody_and_brought_back(self, admin: Client, cast: Cast) -> None:
        with campus_scope(cast.campus):
            second = make_user("second@north.example", Role.ADMIN)
        assert self.shown_to(second, cast)
        answer = admin.post("/first-steps/hide", follow=True)
        assert b"Hidden for all administrators" in answer.content
        assert not self.shown_to(second, cast)
        assert b"/look" in admin.get("/admin/").content  # where it is brought back
        assert b"Show it again" in admin.get("/look").content
        for _twice in range(2):
            admin.post("/first-steps/show")
        assert self.shown_to(second, cast)
        with campus_scope(cast.campus):
            noted = Entry.objects.filter(action__startswith="ops.first_steps")
            assert sorted(entry.action for entry in noted) == [
                "ops.first_steps.hidden",
                "ops.first_steps.shown",
            ]

    def test_another_campus_keeps_its_own(
        self, admin: Client, cast: Cast, other_cast: Cast
    ) -> None:
        admin.post("/first-steps/hide")
        assert self.shown_to(other_cast.admin, other_cast)
