"""Readers that are broken, stolen or hostile, with a token that is right."""

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from apps.tenants.scope import campus_scope
from apps.terminals.models import CardTerminal, Punch
from apps.terminals.reading import MOST_SECONDS
from apps.terminals.services.punches import punches_purge
from tests.factories import Cast
from tests.fuzzing import RAW, TYPES, VALUES
from tests.terminals.support import allow_cards, make_terminal, open_lesson, punch
from tests.terminals.test_readers import PUNCHES, SERIAL, set_up

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
NUMBER = {"number": "STUD", "code": "123456"}
FAR = {"2200-12-31T23:59:59Z": MOST_SECONDS, "1900-01-01T00:00:00Z": -MOST_SECONDS}


@pytest.fixture
def moment() -> datetime:
    return timezone.now().replace(microsecond=0)


def notice(moment: datetime, **event: Any) -> dict[str, Any]:
    usual = {"majorEventType": 5, "subEventType": 1, "cardNo": "4A21F", "serialNo": 7}
    return {
        "dateTime": moment.isoformat(),
        "eventType": "AccessControllerEvent",
        "AccessControllerEvent": {**usual, **event},
    }


def posted(cast: Cast, path: str, body: Any, kind: str = "application/json", **headers: str) -> Any:
    client = Client(headers={"host": cast.host, **headers}, raise_request_exception=False)
    text = body if isinstance(body, bytes) else json.dumps(body)
    return client.generic("POST", path, text, content_type=kind)


@pytest.mark.parametrize("minor", [[], {}, [1], "1", None, 1.5])
def test_an_event_whose_kind_is_no_number_is_forgotten(
    cast: Cast, moment: datetime, minor: Any
) -> None:
    _terminal, token = set_up(cast, moment, "hikvision")
    answer = posted(cast, f"/hikvision/{token}", notice(moment, subEventType=minor))
    assert answer.status_code == 200
    with campus_scope(cast.campus):
        assert not Punch.objects.exists()


@pytest.mark.parametrize("far", FAR)
def test_a_clock_that_is_centuries_off_is_kept_as_far_off(
    cast: Cast, moment: datetime, far: str
) -> None:
    """2³² seconds and a few were kept as a few, and so as a clock that is right."""
    rest, token = set_up(cast, moment, "rest")
    body = {"punches": [{"card": "1234", "at": far, "id": "1"}], "sent_at": far}
    answer = posted(cast, PUNCHES, body, authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["drift_seconds"]) == (200, FAR[far])
    camera, token = set_up(cast, moment, "hikvision", name="Gate")
    beat = {"dateTime": far, "eventType": "heartBeat"}
    assert posted(cast, f"/hikvision/{token}", beat).status_code == 200
    with campus_scope(cast.campus):
        drifts = CardTerminal.objects.values_list("drift_seconds", flat=True)
        assert set(drifts.filter(pk__in=[rest.pk, camera.pk])) == {FAR[far]}
        assert Punch.objects.get().drift_seconds == FAR[far]


def test_a_punch_of_a_clock_that_is_ahead_is_forgotten_like_others(
    in_campus: Cast, now: datetime
) -> None:
    door = make_terminal(in_campus.classroom, now=now)[0]
    assert punch(door, "9999", now + timedelta(days=4000), now=now).reason == "clock_off"
    assert punches_purge(before=now) == 0
    assert punches_purge(before=now + timedelta(days=30)) == 1


def bent(random: Random, body: Any) -> Any:
    """The body with one of its values, at any depth, replaced by an odd one."""
    if isinstance(body, dict) and body and random.random() < 0.9:
        name = random.choice(list(body))
        return {**body, name: bent(random, body[name])}
    if isinstance(body, list) and body and random.random() < 0.9:
        return [bent(random, body[0]), *body[1:]]
    return random.choice(VALUES)


def test_bent_requests_of_readers_are_no_server_errors(
    cast: Cast, moment: datetime, settings: Any
) -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": dict.fromkeys(rates, "1000000/min"),
    }
    with campus_scope(cast.campus):
        allow_cards(moment)
        lesson = open_lesson(cast, now=moment, starts_at=moment - timedelta(minutes=5))
    rest = set_up(cast, moment, "rest", name="A")[1]
    camera = set_up(cast, moment, "hikvision", name="B")[1]
    door = set_up(cast, moment, "adms", name="C", serial_number=SERIAL)[1]
    kiosk = Client(headers={"host": cast.host}, raise_request_exception=False)
    kiosk.force_login(cast.lecturer.user)
    kiosk.post(f"/kiosk/open/{lesson.pk}")
    code = set_up(cast, moment, "room_kiosk", name="D")[1]
    door_kiosk = Client(headers={"host": cast.host}, raise_request_exception=False)
    door_kiosk.post("/kiosk/room", {"code": code})
    random, at, broken = Random(9), moment.isoformat(), []
    many = {"punches": [{"card": "1", "at": at, "id": "1"}], "sent_at": at}
    for _ in range(40):
        kind = random.choice(TYPES) if random.random() < 0.2 else "application/json"
        raw = random.choice(RAW) if random.random() < 0.2 else None
        line = "\t".join(str(random.choice(VALUES)) for _ in range(4)).encode(errors="replace")
        query = quote(str(random.choice(VALUES)), errors="replace")
        answers = (
            posted(cast, PUNCHES, raw or bent(random, many), kind, authorization=f"Bearer {rest}"),
            posted(cast, f"/hikvision/{camera}", raw or bent(random, notice(moment)), kind),
            posted(cast, f"/iclock/{door}/cdata?SN={SERIAL}&table=ATTLOG&Stamp={query}", line),
            posted(cast, f"/iclock/{door}/cdata?SN={SERIAL}&table=rtlog", b"time=" + line, kind),
            posted(cast, f"/iclock/{query}/cdata?SN={query}&table={query}", raw or line, kind),
            kiosk.generic("POST", "/kiosk/punch", raw or json.dumps(bent(random, many)), kind),
            kiosk.generic("POST", "/kiosk/code", raw or json.dumps(bent(random, NUMBER)), kind),
            door_kiosk.generic("POST", "/kiosk/punch", raw or json.dumps(bent(random, many)), kind),
            door_kiosk.generic(
                "POST", "/kiosk/code", raw or json.dumps(bent(random, NUMBER)), kind
            ),
            door_kiosk.generic("POST", "/kiosk/room", raw or b"code=" + line, kind),
            door_kiosk.post(f"/kiosk/room?{query}", f"code={query}", content_type=FORM),
            door_kiosk.get("/kiosk/", headers={"hx-request": query, "if-none-match": query}),
        )
        broken += [one.request for one in answers if one.status_code >= 500]
    assert broken == []
