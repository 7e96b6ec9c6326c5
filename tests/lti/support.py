"""A platform that a campus knows, and browsers that are launched from it."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as project
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.services import SYSTEM
from apps.lti.models import LtiKey, LtiLink, LtiPlatform
from apps.lti.services.links import link_make, person_connect, platform_add
from apps.lti.services.sending import scores_send
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.lti.platform import CLIENT, DEPLOYMENT, LearningPlatform


@pytest.fixture
def moodle(settings: Any) -> Iterator[LearningPlatform]:
    with LearningPlatform().running() as platform:
        settings.OUTGOING_PRIVATE_ADDRESSES = [platform.place]
        yield platform
        assert platform.problems == []


def registered(cast: Cast, moodle: LearningPlatform, **fields: Any) -> LtiPlatform:
    """Known to the campus, and the campus's keys to it."""
    with campus_scope(cast.campus):
        platform = LtiPlatform(
            **{
                "name": "Moodle",
                "issuer": moodle.issuer,
                "client_id": CLIENT,
                "deployment_ids": [DEPLOYMENT],
                "auth_login_url": f"{moodle.url}/auth",
                "token_url": f"{moodle.url}/token",
                "jwks_url": f"{moodle.url}/jwks",
                **fields,
            }
        )
        platform_add(platform, now=timezone.now() - timedelta(days=1), actor=SYSTEM)
    return platform


def browser(cast: Cast, user: User | None = None) -> Client:
    client = Client(headers={"host": cast.host})
    if user is not None:
        client.force_login(user)
    return client


def login_of(moodle: LearningPlatform, **changes: str) -> dict[str, str]:
    return {
        "iss": moodle.issuer,
        "client_id": CLIENT,
        "login_hint": "hint-1",
        "target_link_uri": "https://north.example/lti/launch",
        "lti_message_hint": "message-1",
        **changes,
    }


def begun(client: Client, moodle: LearningPlatform, **changes: str) -> dict[str, str]:
    """What the platform is asked at its authentication address."""
    answer = client.get("/lti/login", login_of(moodle, **changes))
    assert answer.status_code == 302, answer.content.decode()
    there = urlsplit(answer["Location"])
    assert f"{there.scheme}://{there.netloc}{there.path}" == f"{moodle.url}/auth"
    return {name: values[0] for name, values in parse_qs(there.query).items()}


def posted(client: Client, asked: dict[str, str], token: str) -> Any:
    return client.post("/lti/launch", {"state": asked["state"], "id_token": token})


def launched(client: Client, moodle: LearningPlatform, **claims: Any) -> Any:
    """A whole launch; the answer to the platform's form."""
    asked = begun(client, moodle)
    return posted(client, asked, moodle.sign(moodle.claims(asked["nonce"], **claims)))


def arrived(client: Client, moodle: LearningPlatform, **claims: Any) -> str:
    """The address of the page to which a launch leads, after whatever it is sent through."""
    taken = launched(client, moodle, **claims)
    assert taken.status_code == 303, taken.content.decode()
    return taken["Location"]  # type: ignore[no-any-return]


def linked(cast: Cast, platform: LtiPlatform, moodle: LearningPlatform, **rule: Any) -> LtiLink:
    """The cast's course, with two of its students connected as user-1 and user-2."""
    now = timezone.now()
    link = link_make(
        platform_id=platform.pk,
        context_id="ctx-1",
        context_title="Algorithms in Moodle",
        addresses={
            "line_items_url": f"{moodle.url}/lineitems?type=1",
            "memberships_url": f"{moodle.url}/members",
        },
        course=cast.course,
        now=now,
        actor=SYSTEM,
    )
    for subject, student in (("user-1", cast.student), ("user-2", cast.classmate)):
        person_connect(
            platform_id=platform.pk, subject=subject, student=student, now=now, actor=SYSTEM
        )
    LtiLink.objects.filter(pk=link.pk).update(**{"next_run_at": now - timedelta(minutes=1), **rule})
    moodle.tool_keys = {"keys": [key.public_jwk for key in LtiKey.shown(now=now)]}
    link.refresh_from_db()
    return link


def sent(campus: Campus, at: datetime) -> int:
    """Compare and send as the task does at that moment."""
    ticks = iter(at + timedelta(milliseconds=n) for n in range(10_000))
    return scores_send(
        campus_id=campus.pk, clock=lambda: next(ticks), until=at + timedelta(minutes=1)
    )


def words(answer: Any) -> str:
    """Of the page that a refusal is, on one line."""
    text = re.sub(r"<[^>]*>", " ", answer.content.decode())
    return " ".join(text.split())


COOKIE = project.LTI_COOKIE_NAME
