"""E-mails with a link to choose a password: the same answer for all, our words, our domain."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import allauth
import pytest
from allauth.account.adapter import get_adapter
from allauth.core.context import request_context
from django.core import mail
from django.db import connection
from django.template import engines
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import password_link_send
from apps.notifications.models import Delivery, Message
from apps.notifications.texts import TEXTS
from apps.signin.mails import CLOSED, MAILS, NOT_SENT
from apps.signin.tasks import mail_password_link
from apps.tenants.models import Domain
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import at, code_of, login
from tests.admin.support import client_of
from tests.factories import PASSWORD, Cast, make_user
from tests.notifications.support import deliver
from tests.totp import totp_code

NEW_PASSWORD = "another horse battery staple"
PAGE = "/accounts/password/reset/"
API = "/_allauth/app/v1/auth/password/request"
LINK = re.compile(r"https?://\S+/accounts/password/reset/key/\S+")

Sent = list[tuple[str, tuple[str, str], int]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """(task, arguments, campus) of what was handed to the workers."""
    found: Sent = []

    def keep(_app: Any, name: str, args: Any, _kwargs: Any, *, headers: Any, **_o: Any) -> None:
        found.append((name, args, headers["campus_id"]))

    monkeypatch.setattr("celery.app.base.Celery.send_task", keep)
    return found


def work(cast: Cast, sent: Sent) -> list[Any]:
    """What the workers do with it; returns the e-mails."""
    for name, args, campus_id in sent:
        if name == "apps.signin.tasks.mail_password_link":
            with campus_scope(campus_id):
                mail_password_link(*args)
    sent.clear()
    deliver(cast.campus, "email", timezone.now() + timedelta(seconds=1))
    return list(mail.outbox)


def browser_of(cast: Cast, **extra: str) -> Client:
    return Client(headers={"host": cast.host}, **extra)


def test_forgotten_password_is_reset_by_mail(cast: Cast, sent: Sent) -> None:
    browser = browser_of(cast)
    browser.post(PAGE, {"email": cast.student.email.upper()})
    (received,) = work(cast, sent)
    assert received.subject == "Your new password for North Campus"
    found = LINK.search(received.body)
    assert found
    page = browser.get(found[0], follow=True)
    body = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert browser.post(page.request["PATH_INFO"], body).status_code == 302
    assert login(at(cast.host), cast.student.email, NEW_PASSWORD).status_code == 200
    assert browser.get(found[0], follow=True).context["token_fail"]


def test_forgotten_password_is_asked_for_on_the_phone(cast: Cast, sent: Sent) -> None:
    assert at(cast.host).post(API, {"email": cast.student.email}).status_code == 200
    assert len(work(cast, sent)) == 1


@pytest.mark.parametrize("ask", ["page", "phone"])
def test_known_and_unknown_addresses_are_one_to_who_asks(
    cast: Cast, other_cast: Cast, sent: Sent, ask: str
) -> None:
    """The same answer after the same statements: what differs is done by a worker."""
    with campus_scope(cast.campus):
        closed = make_user("closed@north.example", "student", is_active=False)
    known = [cast.student.email, cast.admin.email]
    unknown = ["unknown@north.example", other_cast.student.email, closed.email]
    seen = set()
    browser_of(cast).get(PAGE)  # from here on the campus of the host is cached
    for email in (*known, *unknown):
        with CaptureQueriesContext(connection) as statements:
            if ask == "page":
                answer: Any = browser_of(cast).post(PAGE, {"email": email})
                facts = (answer.status_code, answer["Location"])
            else:
                answer = at(cast.host).post(API, {"email": email})
                facts = (answer.status_code, answer.content)
        shapes = [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in statements]
        seen.add((*facts, "\n".join(shapes)))
    assert len(seen) == 1
    assert len(sent) == len(known) + len(unknown)
    assert sorted(received.to[0] for received in work(cast, sent)) == sorted(known)


def test_a_broker_that_is_away_is_said_to_everybody(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_args: Any, **_options: Any) -> None:
        raise OSError

    monkeypatch.setattr("celery.app.base.Celery.send_task", down)
    for email in (cast.student.email, "unknown@north.example"):
        answer = at(cast.host).post(API, {"email": email})
        assert (answer.status_code, code_of(answer)) == (503, "try_later")


def test_a_hall_behind_one_address_can_ask_at_once(cast: Cast, sent: Sent) -> None:
    codes = [
        at(cast.host).post(API, {"email": f"s{n}@north.example"}).status_code for n in range(60)
    ]
    assert set(codes) == {200}


def test_one_person_is_not_flooded_with_letters(cast: Cast, sent: Sent) -> None:
    codes = [
        at(cast.host).post(API, {"email": cast.student.email}, REMOTE_ADDR=f"203.0.{n}.7")
        for n in range(25)
    ]
    assert [code.status_code for code in codes] == [200] * 20 + [429] * 5
    assert int(codes[-1]["Retry-After"]) > 0


def hosts_of(emails: list[Any]) -> set[str]:
    links = [LINK.search(received.body) for received in emails]
    return {link[0].split("/")[2] for link in links if link}


def test_the_link_leads_to_the_campus_whatever_the_request_calls_itself(
    cast: Cast, sent: Sent
) -> None:
    for host in ("evil.example", "north.example:8443"):
        client = at(host, **{"X-Campus": "north"})
        assert client.post(API, {"email": cast.student.email}).status_code == 200
    assert hosts_of(work(cast, sent)) == {"north.example"}


def test_of_several_domains_the_one_that_was_asked_is_named(cast: Cast, sent: Sent) -> None:
    Domain.objects.create(campus=cast.campus, host="attendance.north.example")
    client = at("attendance.north.example")
    client.post(API, {"email": cast.student.email})
    assert hosts_of(work(cast, sent)) == {"attendance.north.example"}


def test_calendar_links_lead_to_the_campus(cast: Cast, settings: Any) -> None:
    settings.PUBLIC_SCHEME = "https"
    client = at("phones.example", **{"X-Campus": "north"})
    access = login(client, cast.student.email).json()["meta"]["access_token"]
    phone = at("phones.example", Authorization=f"Bearer {access}")
    url = phone.post("/api/v1/me/calendar-link").json()["url"]
    assert url.startswith("https://north.example/calendar/")
    with signed_act("tenants_domain"):
        Domain.objects.all().delete()
    answer = phone.post("/api/v1/me/calendar-link")
    assert (answer.status_code, code_of(answer)) == (409, "campus_without_domain")
    settings.PLATFORM_HOST = "phones.example"
    url = phone.post("/api/v1/me/calendar-link").json()["url"]
    assert url.startswith("https://phones.example/calendar/")


def test_the_link_is_nowhere_but_in_the_email(cast: Cast, sent: Sent) -> None:
    browser_of(cast).post(PAGE, {"email": cast.student.email})
    (received,) = work(cast, sent)
    key = LINK.search(received.body)[0].rstrip("/").rpartition("-")[2]  # type: ignore[index]
    with campus_scope(cast.campus):
        stored = [*Message.objects.values_list(), *Delivery.objects.values_list()]
    assert stored
    assert key not in str(stored)


def test_new_people_are_welcomed_by_the_office(in_campus: Cast, now: Any) -> None:
    user = in_campus.student.user
    assert user is not None
    password_link_send(user=user, host=in_campus.host, now=now)
    User.objects.filter(pk=user.pk).update(last_login=None)
    user.set_unusable_password()
    with signed_act("accounts_user"):
        user.save()
    password_link_send(user=user, host=in_campus.host, now=now)
    deliver(in_campus.campus, "email", now)
    subjects = [received.subject for received in mail.outbox]
    assert subjects == ["Choose a new password for North Campus", "Welcome to North Campus"]
    for received in mail.outbox:
        html = received.alternatives[0][0]  # type: ignore[attr-defined]
        assert LINK.search(received.body)
        assert LINK.search(html)
        assert "someone else" not in received.body + html


def test_an_account_made_in_the_administration_is_welcomed(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    body = {"email": "new@north.example", "name": "New", "language": "", "roles": ["operator"]}
    assert client.post("/admin/accounts/user/add/", body).status_code == 302
    deliver(cast.campus, "email", timezone.now() + timedelta(seconds=1))
    assert [(m.to, m.subject) for m in mail.outbox] == [
        (["new@north.example"], "Welcome to North Campus")
    ]


def shipped_mails() -> set[str]:
    """Every mail that the installed allauth has a template for, in the apps that are in use."""
    root = Path(allauth.__file__).parent / "templates"
    folders = ("account", "mfa", "socialaccount")
    return {
        str(path.relative_to(root)).removesuffix("_message.txt")
        for folder in folders
        for path in (root / folder).rglob("email/*_message.txt")
        if path.stem != "base_message"
    }


def test_every_mail_of_the_library_is_ours() -> None:
    assert shipped_mails() == set(MAILS)
    assert {text for text in MAILS.values() if text not in NOT_SENT} <= set(TEXTS)


@pytest.mark.parametrize("prefix", sorted(MAILS))
@pytest.mark.django_db(transaction=True)
def test_no_mail_is_in_the_librarys_words(
    cast: Cast, prefix: str, rf: Any, monkeypatch: pytest.MonkeyPatch, sent: Sent
) -> None:
    """Whatever allauth wants to tell somebody, no template of its own is read."""
    loaded: list[str] = []
    engine = engines["django"].engine
    find = engine.find_template

    def spy(name: str, **options: Any) -> Any:
        loaded.append(name)
        return find(name, **options)

    monkeypatch.setattr(engine, "find_template", spy)
    request = rf.get("/", headers={"host": cast.host})
    request.campus_id = cast.campus.pk
    user = cast.student.user
    context = {"provider": type("Provider", (), {"name": "Google"})()}
    with request_context(request):
        get_adapter().send_notification_mail(prefix, user, context)
        if MAILS[prefix] == CLOSED:
            get_adapter().send_mail(prefix, cast.student.email, {})
    emails = work(cast, sent)
    assert len(emails) == (MAILS[prefix] not in NOT_SENT)
    assert [name for name in loaded if not name.startswith("emails/")] == []
    for received in emails:
        assert received.body.strip()
        assert received.alternatives[0][1] == "text/html"
        assert "%(" not in received.subject + received.body


@pytest.mark.django_db(transaction=True)
def test_a_new_second_factor_is_told(cast: Cast, sent: Sent) -> None:
    browser = browser_of(cast)
    browser.post("/accounts/login/", {"login": cast.student.email, "password": PASSWORD})
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    browser.get("/accounts/2fa/totp/activate/")
    secret = browser.session["mfa.totp.secret"]
    code = totp_code(secret)
    assert browser.post("/accounts/2fa/totp/activate/", {"code": code}).status_code == 302
    subjects = {received.subject for received in work(cast, sent)}
    assert "A second factor was added to your account" in subjects
