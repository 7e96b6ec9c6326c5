"""The addresses that readers speak to: REST, ZKTeco's push protocol, Hikvision's events."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.audit.services import SYSTEM
from apps.ops.diagnosis import Look, diagnose
from apps.tenants.scope import campus_scope
from apps.terminals.models import CardTerminal, Punch
from apps.terminals.services.terminals import terminal_token_replace
from tests.factories import Cast
from tests.terminals.support import (
    MINUTE,
    allow_cards,
    give_card,
    make_terminal,
    open_lesson,
    register,
)

pytestmark = pytest.mark.django_db
PUNCHES = "/api/v1/terminals/punches"
SERIAL = "CGT2193760001"


@pytest.fixture
def moment() -> datetime:
    """The real time: views read the clock themselves."""
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def lesson(cast: Cast, moment: datetime) -> Any:
    with campus_scope(cast.campus):
        allow_cards(moment)
        give_card(cast.student, "0004A21F", now=moment)
        give_card(cast.student, "17", now=moment, kind="pin")
        return open_lesson(cast, now=moment, starts_at=moment - 5 * MINUTE)


def set_up(cast: Cast, now: datetime, kind: str, **fields: Any) -> tuple[CardTerminal, str]:
    with campus_scope(cast.campus):
        return make_terminal(cast.classroom, now=now, kind=kind, **fields)


def marks(cast: Cast, lesson: Any) -> Any:
    with campus_scope(cast.campus):
        return register(lesson)


def reader(cast: Cast, token: str) -> APIClient:
    return APIClient(headers={"host": cast.host, "authorization": f"Bearer {token}"})


# --- REST ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [{"card": "1", "at": "2026-11-29T08:00:00Z", "id": "1"}, {"punches": []}]
)
def test_a_field_that_is_not_known_is_named(
    cast: Cast, moment: datetime, body: dict[str, Any]
) -> None:
    _terminal, token = set_up(cast, moment, "rest")
    answer = reader(cast, token).post(PUNCHES, {**body, "surprise": 1}, format="json")
    assert answer.status_code == 400
    assert ("surprise", "unknown_field") in [
        (e["attr"], e["code"]) for e in answer.json()["errors"]
    ]


def test_one_punch_and_many_with_the_readers_clock_corrected(
    cast: Cast, lesson: Any, moment: datetime
) -> None:
    terminal, token = set_up(cast, moment, "rest")
    client = reader(cast, token)
    fast = timedelta(seconds=420)
    one = {"card": "4A21F", "at": (moment - MINUTE + fast).isoformat(), "id": "1"}
    answer = client.post(PUNCHES, {**one, "sent_at": (moment + fast).isoformat()})
    assert answer.status_code == 200
    [result] = answer.json()["results"]
    assert (result["id"], result["status"], result["reason"]) == ("1", "counted", "")
    assert abs(answer.json()["drift_seconds"] - 420) <= 30
    many = {"punches": [one, {"card": "99999", "at": moment.isoformat(), "id": "2"}, 7]}
    results = client.post(PUNCHES, many).json()["results"]
    assert [one["status"] for one in results] == ["counted", "queued", "unread"]
    assert results[1]["detail"] == "card not known on this campus"
    assert marks(cast, lesson) == {"STUD": ("present", 0)}
    alive = client.post(PUNCHES, {"punches": [], "sent_at": moment.isoformat()})
    assert alive.json()["results"] == []
    with campus_scope(cast.campus):
        terminal.refresh_from_db()
        assert terminal.heard_at is not None


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"punches": "x"},
        {"card": "1234", "at": "yesterday", "id": "1"},
        {"card": "1234", "at": "2026-09-14T08:00:00Z"},
        {"punches": [], "room": 5},
        {"punches": [{}] * 501},
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_kept(
    cast: Cast, moment: datetime, body: Any
) -> None:
    _terminal, token = set_up(cast, moment, "rest")
    assert reader(cast, token).post(PUNCHES, body).status_code == 400
    with campus_scope(cast.campus):
        assert not Punch.objects.exists()


def test_only_a_live_token_of_this_campus_gets_in(
    cast: Cast, other_cast: Cast, moment: datetime
) -> None:
    terminal, token = set_up(cast, moment, "rest")
    _other, adms = set_up(cast, moment, "adms", serial_number=SERIAL, name="Other")
    body = {"punches": []}
    assert reader(cast, token).post(PUNCHES, body).status_code == 200
    for wrong in (token[:-1], f"{token}x", adms, "", "terminal_"):
        assert reader(cast, wrong).post(PUNCHES, body).status_code == 401
    assert reader(other_cast, token).post(PUNCHES, body).status_code == 401
    assert reader(cast, token).get("/api/v1/me").status_code == 401
    with campus_scope(cast.campus):
        new = terminal_token_replace(terminal=terminal, now=moment, actor=SYSTEM)
    assert reader(cast, token).post(PUNCHES, body).status_code == 401
    assert reader(cast, new).post(PUNCHES, body).status_code == 200
    with campus_scope(cast.campus):
        CardTerminal.objects.update(is_active=False)
    assert reader(cast, new).post(PUNCHES, body).status_code == 401


# --- ZKTeco ----------------------------------------------------------------------------------


def attlog(*moments: datetime) -> str:
    return "".join(f"17\t{at:%Y-%m-%d %H:%M:%S}\t0\t15\t0\t0\t0\r\n" for at in moments)


def test_a_zkteco_reader_connects_sends_and_sends_again(
    cast: Cast, lesson: Any, moment: datetime
) -> None:
    _terminal, token = set_up(cast, moment, "adms", serial_number=SERIAL)
    client = Client(headers={"host": cast.host})
    for prefix in (f"/iclock/{token}", f"/iclock/{token}/iclock"):
        options = client.get(f"{prefix}/cdata?SN={SERIAL}&options=all&pushver=2.4.1")
        assert options.status_code == 200
        assert options.content.decode().startswith(f"GET OPTION FROM: {SERIAL}\nATTLOGStamp=None\n")
    local = (moment - MINUTE).astimezone(cast.campus.zone)
    body = attlog(local) + "no line\n\t\n17\tnever\n"
    data = f"/iclock/{token}/cdata?SN={SERIAL}&table=ATTLOG&Stamp=82983982"
    for _time in range(2):
        sent = client.post(data, body, content_type="text/plain")
        assert (sent.status_code, sent.content) == (200, b"OK: 1\n")
    assert marks(cast, lesson) == {"STUD": ("present", 0)}
    with campus_scope(cast.campus):
        assert len(Punch.objects.get().key) == 40  # a hash: it names the person's number too
    again = client.get(f"/iclock/{token}/cdata?SN={SERIAL}&options=all").content.decode()
    assert "ATTLOGStamp=82983982" in again
    people = client.post(
        f"/iclock/{token}/cdata?SN={SERIAL}&table=OPERLOG",
        "USER PIN=17\tName=Ada\tCard=[1F0A]",
        content_type="text/plain",
    )
    assert people.content == b"OK\n"
    for name in ("getrequest", "ping"):
        assert client.get(f"/iclock/{token}/{name}?SN={SERIAL}").content == b"OK\n"


def test_a_door_controller_sends_cards(cast: Cast, lesson: Any, moment: datetime) -> None:
    _terminal, token = set_up(cast, moment, "adms", serial_number=SERIAL)
    client = Client(headers={"host": cast.host})
    signed_on = client.post(
        f"/iclock/{token}/registry?SN={SERIAL}", "DeviceType=acc", content_type="text/plain"
    )
    assert signed_on.content.startswith(b"RegistryCode=")
    assert b"ServerVersion" in client.post(f"/iclock/{token}/push?SN={SERIAL}").content
    local = (moment - MINUTE).astimezone(cast.campus.zone)
    line = f"time={local:%Y-%m-%d %H:%M:%S}\tpin=0\tcardno=4a21f\tevent={{}}\tindex=21\n"
    sent = client.post(
        f"/iclock/{token}/cdata?SN={SERIAL}&table=rtlog",
        line.format(27) + line.format(0),
        content_type="text/plain",
    )
    assert sent.content == b"OK: 1\n"
    assert marks(cast, lesson) == {"STUD": ("present", 0)}


def test_a_serial_number_alone_opens_nothing(
    cast: Cast, other_cast: Cast, moment: datetime
) -> None:
    _terminal, token = set_up(cast, moment, "adms", serial_number=SERIAL)
    client = Client(headers={"host": cast.host})
    for address in (
        f"/iclock/cdata?SN={SERIAL}",
        "/iclock/cdata",
        f"/iclock/{token}/cdata?SN=OTHER",
        f"/iclock/{token[:-1]}/cdata?SN={SERIAL}",
    ):
        assert client.get(address).status_code == 403
    elsewhere = Client(headers={"host": other_cast.host})
    assert elsewhere.get(f"/iclock/{token}/cdata?SN={SERIAL}").status_code == 403
    with campus_scope(cast.campus):
        CardTerminal.objects.update(network="192.0.2.0/24")
    assert client.get(f"/iclock/cdata?SN={SERIAL}").status_code == 403
    inside = Client(headers={"host": cast.host}, REMOTE_ADDR="192.0.2.9")
    assert inside.get(f"/iclock/cdata?SN={SERIAL}").status_code == 200


# --- Hikvision -------------------------------------------------------------------------------


def event(at: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "ipAddress": "192.0.2.8",
        "dateTime": at.isoformat(),
        "eventType": "AccessControllerEvent",
        "eventState": "active",
        "AccessControllerEvent": {
            "majorEventType": 5,
            "subEventType": 9,
            "cardNo": "4A21F",
            "serialNo": 10455,
            **fields,
        },
    }


def test_a_hikvision_reader_says_its_time_and_what_it_read(
    cast: Cast, lesson: Any, moment: datetime
) -> None:
    terminal, token = set_up(cast, moment, "hikvision")
    client = Client(headers={"host": cast.host})
    address = f"/hikvision/{token}"
    fast = timedelta(seconds=300)
    beat = {"eventType": "heartBeat", "dateTime": (moment + fast).isoformat()}
    assert client.post(address, beat, content_type="application/json").status_code == 200
    read = json.dumps(event(moment - MINUTE + fast))
    for _time in range(2):
        assert client.post(address, {"event_log": read}).status_code == 200
    for other in (
        event(moment, subEventType=75, cardNo="", employeeNoString="18", serialNo=2),
        event(moment, subEventType=76, serialNo=3),
        event(moment, majorEventType=2, serialNo=4),
        {"eventType": "videoloss"},
        [],
    ):
        assert client.post(address, other, content_type="application/json").status_code == 200
    assert client.post(address, "<xml/>", content_type="application/xml").status_code == 200
    assert marks(cast, lesson) == {"STUD": ("present", 0)}
    with campus_scope(cast.campus):
        statuses = sorted(Punch.objects.values_list("status", "reason"))
        assert statuses == [("counted", ""), ("queued", "unknown_card")]
        terminal.refresh_from_db()
        assert abs((terminal.drift_seconds or 0) - 300) <= 30
    assert client.post("/hikvision/terminal_x", {"event_log": read}).status_code == 403


# --- Health ----------------------------------------------------------------------------------


def test_silent_and_drifting_terminals_show_in_health(cast: Cast, moment: datetime) -> None:
    def lines(now: datetime) -> list[tuple[str, str]]:
        found = diagnose(Look(now=now), names=["terminals"])
        return [(one.level, one.text) for one in found]

    assert [level for level, _text in lines(moment)] == ["ok"]
    silent, _token = set_up(cast, moment, "adms", serial_number=SERIAL, name="Gate")
    drifting, _token = set_up(cast, moment, "rest", name="Hall")
    with campus_scope(cast.campus):
        CardTerminal.objects.filter(pk=silent.pk).update(heard_at=moment)
        CardTerminal.objects.filter(pk=drifting.pk).update(heard_at=moment, drift_seconds=420)
    found = lines(moment + timedelta(hours=2))
    assert [level for level, _text in found] == ["warn", "warn"]
    assert "Gate has not been heard of since" in found[0][1]
    assert found[1][1] == "north: Hall: its clock is off by 420 s."
