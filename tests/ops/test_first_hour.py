"""The link and page that set an empty installation up, the commands, and the first steps."""

import io
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from apps.accounts.models import AllowedAddress, Membership, User
from apps.audit.models import Entry, PlatformEntry
from apps.audit.services import SYSTEM
from apps.classrooms.models import Classroom
from apps.common.cache import ask_server
from apps.common.errors import Invalid, NotFound
from apps.common.logs import without_secrets
from apps.notifications.models import Channel, Delivery, Status
from apps.ops.first_hour.campuses import campus_create
from apps.ops.first_hour.checklist import first_steps
from apps.ops.first_hour.links import GOOD_FOR_SECONDS, setup_link_make
from apps.ops.first_hour.set_up import SetUp, set_up
from apps.ops.logos import logo_png
from apps.tenants.models import Campus, Domain
from apps.tenants.scope import campus_scope, platform_scope
from tests.authenticator import SoftPasskey
from tests.factories import PASSWORD, Cast
from tests.totp import totp_code

GOOD_PASSWORD = "seven grey herons at dawn"
HOST = "set-up.example"


def command(called: str, /, *arguments: str, **options: Any) -> str:
    said = io.StringIO()
    call_command(called, *arguments, stdout=said, **options)
    return said.getvalue()


def new_link() -> str:
    return f"/set-up/{setup_link_make(now=timezone.now(), actor=SYSTEM)}"


def visitor(host: str = HOST) -> Client:
    return Client(headers={"host": host})


def code_of(client: Client) -> str:
    secret = client.session["mfa.totp.secret"]
    return totp_code(secret)


def typed(client: Client, **changes: str) -> dict[str, str]:
    fields = {
        "name": "Rosa Root",
        "email": "Rosa@Platform.example",
        "way": "password",
        "password": GOOD_PASSWORD,
        "password_again": GOOD_PASSWORD,
        "code": code_of(client),
        "campus_name": "First College",
        "slug": "first",
        "host": HOST,
        "time_zone": "Asia/Kolkata",
        "email_domains": "first.example, @mail.first.example",
        "admin_email": "",
        "admin_name": "",
    }
    return {**fields, **changes}


def wish(**changes: Any) -> SetUp:
    fields: dict[str, Any] = {
        "email": "rosa@platform.example",
        "password": GOOD_PASSWORD,
        "totp_secret": "A" * 32,
        "passkey": None,
        "user_id": None,
        "name": "Rosa",
        "slug": "first",
        "campus_name": "First College",
        "host": HOST,
        "time_zone": "UTC",
        "email_domains": [],
        "language": "",
        "logo": None,
        "admin_email": "",
        "admin_name": "",
    }
    return SetUp(**{**fields, **changes})


def platform_actions() -> set[str]:
    with platform_scope():
        return set(PlatformEntry.objects.values_list("action", flat=True))


@pytest.mark.django_db
class TestThePage:
    def test_sets_everything_up_and_signs_in(self) -> None:
        link, client = new_link(), visitor()
        page = client.get(link)
        assert page.status_code == 200
        assert HOST.encode() in page.content
        answer = client.post(link, typed(client))
        assert answer.status_code == 302, answer.content.decode()
        assert answer["Location"] == "/admin/"
        user = User.objects.get(email="rosa@platform.example")
        assert user.is_superuser
        assert user.check_password(GOOD_PASSWORD)
        kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        assert kinds == {"totp", "recovery_codes"}
        campus = Campus.objects.get(slug="first")
        assert campus.time_zone == "Asia/Kolkata"
        assert campus.email_domains == ["first.example", "mail.first.example"]
        assert Domain.objects.get(campus=campus).host == HOST
        with campus_scope(campus):
            assert Membership.objects.get(user=user).role == "admin"
            assert AllowedAddress.objects.get().email == user.email
            assert Entry.objects.filter(action="tenants.campus.created").exists()
        start = client.get("/admin/")
        assert b"First steps" in start.content
        assert b"recovery codes" in start.content
        codes = client.get("/accounts/2fa/recovery-codes/")
        assert codes["Location"].startswith("/accounts/2fa/reauthenticate/")
        assert {
            "platform.set_up.link_made",
            "platform.set_up",
            "platform.campus.created",
            "accounts.super_admin.made",
            "accounts.second_factor.added",
            "accounts.signed_in",
        } <= platform_actions()

    def test_another_person_may_be_the_first_administrator(self) -> None:
        link, client = new_link(), visitor("localhost")
        client.get(link)
        fields = typed(client, admin_email="Ada@first.example", admin_name="Ada", email_domains="")
        assert client.post(link, fields).status_code == 302
        ada = User.objects.get(email="ada@first.example")
        assert not ada.is_superuser
        with campus_scope(Campus.objects.get(slug="first")):
            assert Membership.objects.get().user == ada
            mail = Delivery.objects.get(channel=Channel.EMAIL)
            assert mail.user == ada
        # Another host than the campus's: the campus is chosen all the same.
        assert b"First steps" in client.get("/admin/").content

    def test_logo_and_language_are_the_campuss(self, settings: Any) -> None:
        link, client = new_link(), visitor()
        settings.LANGUAGES = [("en", "English")]
        page = client.get(link).content.decode()
        assert "Language: English." in page
        assert 'name="language"' not in page
        settings.LANGUAGES = [("en", "English"), ("ar", "العربية")]
        page = client.get(link).content.decode()
        assert "Language: English." not in page
        wrong = SimpleUploadedFile("a.png", b"no picture")
        answer = client.post(link, {**typed(client, language="xx"), "logo": wrong})
        assert set(answer.context["form"].errors) == {"language", "logo"}
        drawn = io.BytesIO()
        Image.new("RGB", (9, 9), "red").save(drawn, "PNG")
        logo = SimpleUploadedFile("a.png", drawn.getvalue())
        assert client.post(link, {**typed(client, language="ar"), "logo": logo}).status_code == 302
        campus = Campus.objects.get(slug="first")
        assert campus.language == "ar"
        assert client.get(f"/logo/{campus.logo}.png").content == logo_png(data=drawn.getvalue())

    def test_opens_on_every_host_and_for_the_right_token_only(self, cast: Cast) -> None:
        link = new_link()
        for host in (HOST, "localhost", cast.host):
            assert visitor(host).get(link).status_code == 200
            for wrong in (f"{link}x", link[:-1], "/set-up/%20%C3%A9", "/set-up/" + "a" * 43):
                assert visitor(host).get(wrong).status_code == 404

    def test_a_link_works_once(self) -> None:
        link, client = new_link(), visitor()
        client.get(link)
        assert client.post(link, typed(client)).status_code == 302
        again = visitor()
        assert again.get(link).status_code == 404
        assert again.post(link, {}).status_code == 404
        assert User.objects.filter(is_superuser=True).count() == 1

    def test_a_link_ends_after_an_hour_and_with_the_next_one(self) -> None:
        first = new_link()
        second = new_link()
        assert visitor().get(first).status_code == 404
        assert visitor().get(second).status_code == 200
        kept = cache.make_key("ops:set-up-link")
        assert 0 < ask_server(lambda client: client.ttl(kept), otherwise=0) <= GOOD_FOR_SECONDS
        assert second.rpartition("/")[2] not in str(cache.get("ops:set-up-link"))
        cache.delete("ops:set-up-link")
        assert visitor().get(second).status_code == 404

    def test_a_link_is_worth_nothing_once_there_is_a_super_administrator(self) -> None:
        link, client = new_link(), visitor()
        client.get(link)
        fields = typed(client)
        User.objects.create_superuser("root@platform.example", PASSWORD)
        assert client.get(link).status_code == 404
        assert client.post(link, fields).status_code == 404
        assert not Campus.objects.filter(slug="first").exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"password": "short", "password_again": "short"}, "password"),
            ({"password_again": "another"}, "password_again"),
            ({"code": "000000x"}, "code"),
            ({"email": "nobody"}, "email"),
            ({"slug": "North Campus"}, "slug"),
            ({"slug": "-n"}, "slug"),
            ({"host": "https://north.example/"}, "host"),
            ({"time_zone": "Mars/Olympus"}, "time_zone"),
            ({"email_domains": "not a domain"}, "email_domains"),
            ({"admin_email": "x"}, "admin_email"),
            ({"campus_name": "\u200b"}, "campus_name"),
            ({"name": "a\tb"}, "name"),
        ],
    )
    def test_says_at_the_field_what_is_wrong_and_saves_nothing(
        self, changes: dict[str, str], field: str
    ) -> None:
        link, client = new_link(), visitor()
        client.get(link)
        answer = client.post(link, typed(client, **changes))
        assert answer.status_code == 400
        assert set(answer.context["form"].errors) == {field}
        assert not User.objects.filter(is_superuser=True).exists()
        assert not Campus.objects.filter(name="First College").exists()
        # The link stays good.
        assert client.post(link, typed(client)).status_code == 302

    def test_a_short_name_that_is_taken_undoes_all(self, cast: Cast) -> None:
        link, client = new_link(), visitor()
        client.get(link)
        answer = client.post(link, typed(client, slug="north"))
        assert set(answer.context["form"].errors) == {"slug"}
        assert not User.objects.filter(is_superuser=True).exists()

    def test_guessing_is_limited(self) -> None:
        client = visitor()
        answers = [client.get(f"/set-up/{n:043}").status_code for n in range(21)]
        assert set(answers[:20]) == {404}
        assert answers[20] == 429

    def test_logs_do_not_hold_the_token(self) -> None:
        link = new_link()
        assert link.rpartition("/")[2] not in without_secrets(f'"GET {link} HTTP/1.1" 200')


@pytest.mark.django_db
class TestByPasskey:
    """The super administrator may have a passkey in the place of password and app."""

    def answered(self, link: str, client: Client, passkey: SoftPasskey) -> dict[str, str]:
        options = client.get(link).context["passkey_options"]
        nothing = {"password": "", "password_again": "", "code": ""}
        credential = json.dumps(passkey.registration(json.loads(json.dumps(options))))
        return typed(client, way="passkey", credential=credential, **nothing)

    def test_it_is_all_that_signs_in(self) -> None:
        link, client, passkey = new_link(), visitor(), SoftPasskey(rp_id=HOST)
        answer = client.post(link, self.answered(link, client, passkey))
        assert answer.status_code == 302, answer.context["form"].errors
        user = User.objects.get(is_superuser=True)
        assert not user.has_usable_password()
        kept = Authenticator.objects.get(user=user)
        assert (kept.type, kept.data["rp_id"]) == ("webauthn", HOST)
        assert b"passkey of another device" in client.get("/admin/").content
        facts = {"kind": "webauthn", "name": "Passkey", "rp_id": HOST, "synced": False}
        with platform_scope():
            entry = PlatformEntry.objects.get(action="accounts.second_factor.added")
        assert facts.items() <= entry.data.items()
        # Signed out, the passkey alone leads in again: it names this very account.
        again = visitor()
        json_only = {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}
        options = again.get("/accounts/2fa/webauthn/login/", **json_only).json()["request_options"]
        signed = json.dumps(passkey.answer(options))
        assert again.post("/accounts/2fa/webauthn/login/", {"credential": signed})["Location"]
        assert int(again.session["_auth_user_id"]) == user.pk
        assert again.get("/admin/").status_code == 200

    def test_a_campus_at_another_host_is_refused(self) -> None:
        link, client = new_link(), visitor()
        fields = self.answered(link, client, SoftPasskey(rp_id=HOST))
        answer = client.post(link, {**fields, "host": "elsewhere.example"})
        assert set(answer.context["form"].errors) == {"host"}
        assert not User.objects.filter(is_superuser=True).exists()

    @pytest.mark.parametrize("wrong", ["", "null", "[]", "{}", '{"rawId": 1}', "x" * 20_000])
    def test_what_is_no_passkey_is_refused(self, wrong: str) -> None:
        link, client = new_link(), visitor()
        fields = self.answered(link, client, SoftPasskey(rp_id=HOST))
        answer = client.post(link, {**fields, "credential": wrong})
        assert set(answer.context["form"].errors) == {"credential"}
        assert not User.objects.filter(is_superuser=True).exists()

    @pytest.mark.parametrize(
        "passkey",
        [
            SoftPasskey(rp_id="other.example"),
            SoftPasskey(rp_id=HOST, origin=f"https://evil.{HOST}"),
            SoftPasskey(rp_id=HOST, verifies=False),
        ],
        ids=["another host", "a page below the host", "no check of the user"],
    )
    def test_a_wrong_passkey_is_refused(self, passkey: SoftPasskey) -> None:
        link, client = new_link(), visitor()
        answer = client.post(link, self.answered(link, client, passkey))
        assert set(answer.context["form"].errors) == {"credential"}
        assert not User.objects.filter(is_superuser=True).exists()

    def test_an_answer_is_good_once_and_in_its_browser_only(self) -> None:
        link, client, passkey = new_link(), visitor(), SoftPasskey(rp_id=HOST)
        fields = self.answered(link, client, passkey)
        stranger = visitor()
        stranger.get(link)
        assert set(stranger.post(link, fields).context["form"].errors) == {"credential"}
        client.post(link, {**fields, "slug": "-"})  # was read; the page makes another one
        assert set(client.post(link, fields).context["form"].errors) == {"credential"}

    def test_both_ways_need_what_is_theirs(self) -> None:
        link, client = new_link(), visitor()
        client.get(link)
        fields = typed(client, password="", password_again="", code="")
        wrong = client.post(link, fields).context["form"].errors
        assert set(wrong) == {"password", "password_again", "code"}
        assert set(client.post(link, {**fields, "way": "x"}).context["form"].errors) >= {"way"}


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_wins() -> None:
    token = setup_link_make(now=timezone.now(), actor=SYSTEM)
    outcomes: list[str] = []

    def try_it(number: int) -> None:
        try:
            mine = wish(email=f"r{number}@platform.example", slug=f"c{number}", host=f"c{number}.x")
            set_up(token=token, wish=mine, now=timezone.now(), actor=SYSTEM)
            outcomes.append("done")
        except NotFound as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", *["no_such_setup_link"] * 3]
    assert User.objects.filter(is_superuser=True).count() == 1
    assert Campus.objects.filter(name="First College").count() == 1


@pytest.mark.django_db
class TestCommands:
    def test_the_link_is_printed_again_until_somebody_administers(self) -> None:
        said = command("setup_link", address="http://localhost:8123/").strip()
        assert said.startswith("http://localhost:8123/set-up/")
        assert visitor().get(said.removeprefix("http://localhost:8123")).status_code == 200
        User.objects.create_superuser("root@platform.example", PASSWORD)
        with pytest.raises(CommandError, match="sign in at /admin/"):
            command("setup_link")

    def test_a_super_administrator_is_made(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{GOOD_PASSWORD}\n"))
        assert "rosa@platform.example is" in command(
            "create_super_admin", "Rosa@Platform.example", name="Rosa"
        )
        user = User.objects.get(email="rosa@platform.example")
        assert user.is_superuser
        assert user.check_password(GOOD_PASSWORD)
        assert "accounts.super_admin.made" in platform_actions()

    @pytest.mark.parametrize(
        ("email", "password", "why"),
        [
            ("rosa@platform.example", "short", "15 characters"),
            ("nobody", GOOD_PASSWORD, "valid email"),
        ],
    )
    def test_a_bad_one_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, email: str, password: str, why: str
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        with pytest.raises(CommandError, match=why):
            command("create_super_admin", email)
        assert not User.objects.filter(is_superuser=True).exists()

    def test_an_account_that_exists_is_not_touched(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{GOOD_PASSWORD}\n"))
        with pytest.raises(CommandError, match="super_admin"):
            command("create_super_admin", cast.admin.email)
        cast.admin.refresh_from_db()
        assert not cast.admin.is_superuser

    def test_a_campus_is_made_and_its_administrator_gets_in(self) -> None:
        said = command(
            "create_campus",
            "west",
            name="West College",
            host="West.example",
            time_zone="Europe/Berlin",
            admin="Ada@west.example",
            email_domain=["west.example"],
        )
        assert "West College" in said
        link = said.strip().splitlines()[-1]
        path = "/" + link.split("/", 3)[3]
        client = Client(headers={"host": "west.example"})
        form = client.get(path, follow=True)
        assert form.status_code == 200
        again = {"password1": GOOD_PASSWORD, "password2": GOOD_PASSWORD}
        client.post(form.redirect_chain[-1][0], again)
        assert User.objects.get(email="ada@west.example").check_password(GOOD_PASSWORD)
        assert "platform.campus.created" in platform_actions()

    def test_a_campus_that_cannot_be_is_explained(self, cast: Cast) -> None:
        good = {"name": "West", "host": "west.example", "admin": "ada@west.example"}
        for slug, changes, why in (
            ("North West", {}, "slug: Lower-case"),
            ("north", {}, "slug: "),
            ("west", {"host": "a b"}, "host: "),
            ("west", {"host": cast.host}, "Host|host"),
            ("west", {"time_zone": "Nowhere"}, "time_zone: "),
            ("west", {"admin": "ada"}, "admin_email: "),
            ("west", {"email_domain": ["x"]}, "email_domains: "),
        ):
            with pytest.raises(CommandError, match=why):
                command("create_campus", slug, **{**good, **changes})
        assert not Campus.objects.filter(name="West").exists()

    def test_who_has_an_account_elsewhere_is_invited(self, cast: Cast) -> None:
        said = command(
            "create_campus", "west", name="West", host="west.example", admin=cast.admin.email
        )
        assert "was invited" in said
        with campus_scope(Campus.objects.get(slug="west")):
            assert not Membership.objects.exists()


@pytest.mark.django_db
class TestFirstSteps:
    @pytest.fixture
    def fresh(self) -> Campus:
        campus, _admin = campus_create(
            slug="west",
            name="West",
            host="west.example",
            time_zone="UTC",
            admin_email="ada@west.example",
            now=timezone.now(),
            actor=SYSTEM,
        )
        return campus

    def test_a_new_campus_has_a_domain_and_nothing_else(self, fresh: Campus) -> None:
        with campus_scope(fresh):
            assert [step.name for step in first_steps() if step.is_done] == ["domain"]

    def test_steps_tick_themselves_off(self, cast: Cast, in_campus: Cast) -> None:
        done = {step.name for step in first_steps() if step.is_done}
        assert {"domain", "terms", "people", "courses", "rooms"} <= done
        Classroom.objects.all().delete()
        assert "rooms" not in {step.name for step in first_steps() if step.is_done}

    def test_the_test_mail_goes_to_who_asks_and_ticks_the_step(self, fresh: Campus) -> None:
        ada = User.objects.get(email="ada@west.example")
        client = Client(headers={"host": "west.example"})
        client.force_login(ada)
        assert b"Send a test mail" in client.get("/admin/").content
        answer = client.post("/first-steps/test-mail", follow=True)
        assert b"on its way" in answer.content
        with campus_scope(fresh):
            mails = Delivery.objects.filter(channel=Channel.EMAIL, message__kind="test")
            assert mails.get().user == ada
            mails.update(status=Status.SENT, sent_at=timezone.now())
            assert Entry.objects.filter(action="ops.test_mail.asked").exists()
        assert b"Send a test mail" not in client.get("/admin/").content

    def test_administrators_see_it_and_others_do_not(self, cast: Cast) -> None:
        for user, sees in ((cast.admin, True), (cast.operator, False), (cast.principal, False)):
            client = Client(headers={"host": cast.host})
            client.force_login(user)
            assert (b"First steps" in client.get("/admin/").content) is sees


@pytest.mark.django_db
def test_a_campus_is_made_whole_or_not_at_all() -> None:
    with pytest.raises(Invalid):
        campus_create(
            slug="west",
            name="West",
            host="west.example",
            time_zone="UTC",
            admin_email="not an address",
            now=timezone.now() - timedelta(days=1),
            actor=SYSTEM,
        )
    assert not Campus.objects.filter(slug="west").exists()


@pytest.mark.django_db
class TestAnUnknownHost:
    def test_tells_a_stranger_nothing(self, cast: Cast) -> None:
        for headers, address in (
            ({}, "203.0.113.7"),
            ({"X-Forwarded-For": "203.0.113.7"}, "127.0.0.1"),
            ({"X-Forwarded-Proto": "https"}, "127.0.0.1"),
        ):
            client = Client(headers={"host": "stray.example", **headers}, REMOTE_ADDR=address)
            answer = client.get("/")
            assert answer.status_code == 404
            for word in (b"stray.example", b"create_campus", b"north"):
                assert word not in answer.content

    def test_behind_a_proxy_nobody_is_on_the_machine(self, settings: Any) -> None:
        settings.TRUSTED_PROXY_COUNT = 1
        answer = visitor("stray.example").get("/")
        assert b"create_campus" not in answer.content

    def test_helps_on_the_machine_itself(self, db: None) -> None:
        answer = visitor("stray.example").get("/")
        assert answer.status_code == 404
        assert b"--host stray.example" in answer.content
        assert b"setup_link" in answer.content
        api = visitor("stray.example").get("/api/v1/me")
        assert api.json()["errors"][0]["code"] == "unknown_campus"
        assert b"create_campus" not in api.content

    def test_helps_a_super_administrator_and_no_other(self, cast: Cast) -> None:
        root = User.objects.create_superuser("root@platform.example", PASSWORD)
        for user, helps in ((root, True), (cast.admin, False)):
            client = Client(headers={"host": "stray.example"}, REMOTE_ADDR="203.0.113.7")
            client.force_login(user)
            assert (b"create_campus" in client.get("/").content) is helps
