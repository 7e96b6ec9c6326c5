"""Short messages against Twilio's protocol, e-mail against an SMTP server."""

import email
import email.policy
import socket
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from apps.notifications.models import Delivery
from apps.notifications.selectors import channels_down
from tests.factories import Cast
from tests.notifications.providers import Answer, Twilio
from tests.notifications.support import deliver, tell

NUMBER = "+4915112345678"


@pytest.fixture
def twilio(settings: Any) -> Iterator[Twilio]:
    with Twilio("AC123", "secret").running() as server:
        settings.SMS_BACKEND = "apps.notifications.channels.sms.TwilioBackend"
        settings.TWILIO_URL = server.url
        settings.OUTGOING_PRIVATE_ADDRESSES = [server.place]
        settings.TWILIO_ACCOUNT_SID = "AC123"
        settings.TWILIO_AUTH_TOKEN = "secret"
        settings.TWILIO_FROM = "+4930123456"
        yield server


@pytest.fixture
def told(in_campus: Cast, twilio: Twilio, now: datetime) -> Cast:
    """A short message waits for the student."""
    in_campus.student.phone = NUMBER
    in_campus.student.save()
    tell(in_campus.student.user, now=now, kind="test", body="ü" * 600)
    return in_campus


def short() -> Delivery:
    return Delivery.objects.get(channel="sms")


def test_a_short_message_is_sent(told: Cast, twilio: Twilio, now: datetime) -> None:
    assert deliver(told.campus, "sms", now) == 1
    form = twilio.heard[0].form
    assert (form["To"], form["From"]) == (NUMBER, "+4930123456")
    assert form["Body"].startswith("Your attendance is low\nüü")
    assert len(form["Body"]) == 480
    assert short().provider_id == f"SM{1:032d}"


def test_a_messaging_service_may_send(
    told: Cast, twilio: Twilio, now: datetime, settings: Any
) -> None:
    settings.TWILIO_FROM = "MG123"
    deliver(told.campus, "sms", now)
    assert twilio.heard[0].form["MessagingServiceSid"] == "MG123"
    assert "From" not in twilio.heard[0].form


@pytest.mark.parametrize(
    ("answer", "status", "down"),
    [
        (Answer(400, {"code": 21211, "message": "Invalid 'To' Phone Number"}), "dead", []),
        (Answer(429, {"code": 20429, "message": "Too many requests"}), "failed", []),
        (Answer(500, None), "failed", ["sms"]),
    ],
)
def test_refusals_of_twilio(
    told: Cast, twilio: Twilio, now: datetime, answer: Answer, status: str, down: list[str]
) -> None:
    twilio.script.append(answer)
    assert deliver(told.campus, "sms", now) == 0
    assert short().status == status
    assert channels_down() == down


def test_a_wrong_secret_throws_no_message_away(
    told: Cast, twilio: Twilio, now: datetime, settings: Any
) -> None:
    settings.TWILIO_AUTH_TOKEN = "wrong"
    deliver(told.campus, "sms", now)
    assert short().status == "failed"
    assert channels_down() == ["sms"]


def test_a_short_message_whose_answer_was_lost_is_left_to_a_person(
    told: Cast, twilio: Twilio, now: datetime
) -> None:
    """Twilio knows no key that would make a second request harmless."""
    Delivery.objects.filter(channel="sms").update(status="sending", attempts=1)
    assert deliver(told.campus, "sms", now) == 0
    assert short().status == "dead"
    assert "provider may have it" in short().error
    assert twilio.heard == []


class MailServer:
    """Keeps e-mails; refuses whom it is told to."""

    def __init__(self) -> None:
        self.emails: list[Any] = []
        self.refusals: dict[str, str] = {}
        self.sender_refused = ""

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.sender_refused:
            return self.sender_refused
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  (the library's name)
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        received = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.emails.append((envelope.rcpt_tos, received))
        return "250 OK"


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    box = MailServer()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND = "apps.common.mail.TimedBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.DEFAULT_FROM_EMAIL = "Campus <campus@north.example>"
    yield box
    server.stop()


def test_letters_arrive_in_two_shapes(
    in_campus: Cast, mail_server: MailServer, now: datetime
) -> None:
    tell(in_campus.student.user, now=now, title="Stundenplan\ngeändert")
    assert deliver(in_campus.campus, "email", now) == 1
    ((recipients, received),) = mail_server.emails
    delivery = Delivery.objects.get(channel="email")
    assert recipients == [in_campus.student.email]
    assert received["Subject"] == "Stundenplan geändert"
    assert received["From"] == "Campus <campus@north.example>"
    assert received["Message-ID"] == f"<{delivery.pk.hex}@north.example>"
    assert delivery.provider_id == received["Message-ID"]
    assert [part.get_content_type() for part in received.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
    assert "CS201: 68 %" in received.get_body(("plain",)).get_content()
    assert "<p>CS201: 68 %</p>" in received.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("reply", "status"), [("550 No such user", "dead"), ("451 Try again", "failed")]
)
def test_one_refused_recipient_does_not_hold_up_the_others(
    in_campus: Cast, mail_server: MailServer, now: datetime, reply: str, status: str
) -> None:
    mail_server.refusals[in_campus.student.email] = reply
    tell(in_campus.student.user, in_campus.classmate.user, now=now)
    assert deliver(in_campus.campus, "email", now) == 1
    refused = Delivery.objects.get(channel="email", user=in_campus.student.user)
    assert refused.status == status
    assert reply[4:] in refused.error
    assert channels_down() == []


@pytest.mark.parametrize(
    ("reply", "status", "down"),
    [
        ("530 5.7.0 Authentication required", "failed", ["email"]),
        ("550 5.7.1 Sender address rejected", "failed", ["email"]),
        ("451 4.7.1 Later", "failed", []),
        ("552 5.3.4 Too large", "dead", []),
    ],
)
def test_a_refused_sender_throws_no_message_away(
    in_campus: Cast, mail_server: MailServer, now: datetime, reply: str, status: str, down: Any
) -> None:
    """The sender is the operator's to mend, as wrong credentials are."""
    mail_server.sender_refused = reply
    tell(in_campus.student.user, in_campus.classmate.user, now=now)
    assert deliver(in_campus.campus, "email", now) == 0
    assert set(Delivery.objects.filter(channel="email").values_list("status")) == {(status,)}
    assert channels_down() == down


def test_a_mail_server_that_is_away_is_named(
    in_campus: Cast, mail_server: MailServer, now: datetime, settings: Any
) -> None:
    settings.EMAIL_PORT = 1
    tell(in_campus.student.user, in_campus.classmate.user, now=now)
    assert deliver(in_campus.campus, "email", now) == 0
    assert set(Delivery.objects.filter(channel="email").values_list("status")) == {("failed",)}
    assert channels_down() == ["email"]
