"""Requests that nobody should send: what the API's description allows, bent somewhere.

Seeded: the same seed gives the same requests. Every request starts from one that the description
allows, with ids of objects that exist, so that the bent value gets as deep as it can.
"""

import json
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.contrib.admin import site
from django.core.cache import cache
from django.core.signals import got_request_exception
from django.db import transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tests.accounts.support import at, tokens
from tests.factories import Cast
from tests.permission_matrix import ROLES, ROWS, Row

DEEP: Final = "[" * 5000 + "]" * 5000
SERVER_ERROR: Final = 500
VALUES: Final[list[Any]] = [
    *(None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**70, -(2**70), 10**400),
    *(0.5, -0.0, 1e308, 5e-324, "", " ", "\t", "a" * 256, "ä" * 5000, "1" * 5000, "\x00", "a\x00b"),
    *("\ud800", "\udfff", "a\r\nb", "\u2028", "\u202e", "\ufeff", "\u200b", "😀", "1２٣", "é"),
    *("0001-01-01", "9999-12-31", "1899-12-31", "2200-12-31", "1900-01-01", "2026-02-30"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"),
    *("0001-01-01T00:00:00+23:59", "1900-01-01T00:00", "2200-12-31T23:59:59.999999-12:00"),
    *("2026-11-28T10:00:00Z", "2026-11-28", "24:00", "9:5", "23:59:60", "08:30", "NaN"),
    *("Infinity", "-1e400", "1e999999", "0x10", "true", "null", "' OR 1=1 --", "%00", "%", "\\"),
    *("../../etc/passwd", "<b>", "=1+1", "{}", "[]", "[[", '{"a":', "==", "A" * 100, "P1D"),
    *([], {}, [[]], [None], [{}], {"": ""}, {"a": {"b": {}}}, ["\ud800"], {"\x00": 1}),
    *([1] * 300, [{"a": 1}], {"id": 1}, {"\ud800": "\ud800"}),
]
# Texts for addresses, already percent-encoded, and for bodies as they are on the wire.
SEGMENTS: Final = [
    *("0", "-1", "1", str(2**63 - 1), str(2**63), str(2**70), "9" * 5000, "%00", "%ED%A0%80"),
    *("%FF", "a" * 3000, "..", "%2e%2e", "%0A", "%0D%0Ax", "%E2%80%AE", "1.5", "1e9", "NaN"),
    *("null", "%D9%A3", "%EF%BC%91", "face", "android", "00000000-0000-0000-0000-000000000000"),
]
RAW: Final = [
    *(b"", b"{", b"null", b"[]", b"1", b'"a"', b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a": NaN}'),
    *(b'{"a": Infinity}', b'{"a": 1e400}', b'{"a": ' + b"9" * 5000 + b"}", b'{"a": "\\u0000"}'),
    *(b'{"\\ud800": 1}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\x00"}', DEEP.encode()),
    *(b'{"a": ' * 5000 + b"1" + b"}" * 5000, b'{"a": ' + DEEP.encode() + b"}", b"{}" * 3),
    *(b"a=%00&b=1", b"--x\r\n\r\n", b"\x00" * 100, b'{"a":1,"a":2}'),
]
TYPES: Final = [
    *("application/json", "application/json; charset=utf-16", "application/json;charset=unicode"),
    *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary="),
    *("multipart/form-data; boundary=x", "text/plain", "", "application/json; charset=zlib", "x"),
]
HEADERS: Final[list[dict[str, str]]] = [
    {"accept": "text/html;q=zz, */*;q=0.1"},
    {"accept": "application/json; indent=999999999999"},
    {"accept-language": "ar,de;q=0.5,x" * 40},
    {"authorization": "Bearer " + "a" * 5000},
    {"authorization": "Bearer \xff.\xff.\xff"},
    {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    {"x-session-token": "\xff\x00"},
    {"x-campus": "a\x00b"},
    {"x-campus": "nowhere"},
    {"cookie": 'sessionid="\\000\\000abcdefgh"; csrftoken=1'},
    {"cookie": "sessionid=" + "x" * 5000},
    {"cookie": "django_language=\xff"},
    {"x-forwarded-for": "1.2.3.4:80, [::1]:80, x"},
    {"if-none-match": '"\xff", W/"x", *'},
    {"if-modified-since": "Fri, 31 Dec 9999 23:59:59 GMT"},
    {"range": "bytes=9999999999999999999-"},
    {"x-http-method-override": "DELETE"},
    {"user-agent": "a" * 5000},
]


# What the pages of the portal and the administration are asked with.
ASKED: Final = [
    *(
        "page",
        "date",
        "report",
        "term",
        "course",
        "section",
        "department",
        "from",
        "to",
        "group_by",
    ),
    *("threshold", "format", "since", "next", "email", "language", "q"),
]
LISTED: Final = [
    *("q", "p", "o", "all", "e", "is_active__exact", "status__exact", "at__gte", "starts_at__gte"),
    *(
        "starts_at__date__gte",
        "starts_at_from",
        "starts_at_from_0",
        "at_from",
        "at_to",
        "created_at",
    ),
    *("course__id__exact", "target_id", "student__id__exact", "at__year", "first_day__gte", "x"),
]
FORM: Final = [
    *(
        "note",
        "topic",
        "reason",
        "text",
        "wanted",
        "answer",
        "was",
        "nonce",
        "starts_at",
        "ends_at",
    ),
    *("category", "bulk", "message", "quiet_from", "quiet_until", "report", "format", "from", "to"),
    *("term", "group_by", "threshold", "campus", "status"),
]
FORM_KIND: Final = "application/x-www-form-urlencoded"
SIGN_IN: Final = [
    "/_allauth/app/v1/" + path
    for path in (
        *("auth/login", "auth/session", "auth/reauthenticate", "auth/2fa/authenticate"),
        *("auth/provider/token", "auth/password/request", "auth/password/reset", "config"),
        *(
            "tokens/refresh",
            "account/password/change",
            "account/authenticators/totp",
            "auth/signup",
        ),
        *("account/authenticators/recovery-codes", "auth/email/verify", "auth/sessions"),
    )
]


@dataclass(frozen=True, kw_only=True)
class Bent:
    """One request: `path` with its query, percent-encoded."""

    role: str
    method: str
    path: str
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        about = f"{self.role}: {self.method.upper()} {self.path[:300]} {self.kind}"
        return f"{about} {self.headers} {self.body[:400]!r}"


class Described:
    """The description's operations, and values that it allows."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.operations = [
            (method, path, operation)
            for path, methods in sorted(document["paths"].items())
            for method, operation in sorted(methods.items())
        ]

    def example(self, schema: dict[str, Any], random: Random, ids: dict[str, Any]) -> Any:
        """Some value of this schema; fields whose names are known get ids that exist."""
        schema = self._resolved(schema, random)
        if "enum" in schema:
            return random.choice(schema["enum"])
        return getattr(self, f"_{schema.get('type', 'any')}", self._any)(schema, random, ids)

    def _resolved(self, schema: dict[str, Any], random: Random) -> dict[str, Any]:
        while True:
            if "$ref" in schema:
                schema = self.document["components"]["schemas"][schema["$ref"].split("/")[-1]]
            elif choices := schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf"):
                schema = random.choice(choices)
            else:
                return schema

    def _object(self, schema: dict[str, Any], random: Random, ids: dict[str, Any]) -> Any:
        ids = {**ids, "evidence": proofs(random, 1)}
        made = {
            name: ids.get(name) or self.example(inner, random, ids)
            for name, inner in schema.get("properties", {}).items()
            if not inner.get("readOnly")
            and (name in schema.get("required", ()) or random.random() < 0.6)
        }
        inner = schema.get("additionalProperties")
        return {"a": self.example(inner, random, ids)} if isinstance(inner, dict) else made

    def _array(self, schema: dict[str, Any], random: Random, ids: dict[str, Any]) -> Any:
        return [self.example(schema["items"], random, ids) for _ in range(random.choice([1, 1, 2]))]

    def _string(self, schema: dict[str, Any], random: Random, _ids: Any) -> Any:
        return {
            "date": "2026-11-30",
            "date-time": random.choice(["2026-11-30T10:00:00Z", "2026-11-30T12:00:00Z"]),
            "email": "someone@north.example",
            "uuid": "00000000-0000-0000-0000-000000000000",
        }.get(schema.get("format", ""), schema.get("example") or random.choice(["abc12345", "1"]))

    def _integer(self, schema: dict[str, Any], random: Random, _ids: Any) -> Any:
        return schema.get("minimum", random.choice([0, 1, 2]))

    _number = _integer

    def _boolean(self, _schema: Any, random: Random, _ids: Any) -> Any:
        return random.random() < 0.5

    def _any(self, _schema: Any, random: Random, _ids: Any) -> Any:
        return random.choice(VALUES)


def bend(value: Any, random: Random) -> Any:
    """The same value with one part of it replaced, taken away or added to."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(sorted(value))
        act = random.random()
        if act < 0.1:
            return {key: part for key, part in value.items() if key != name}
        if act < 0.2:
            return {**value, random.choice(["surprise", "id", "campus", "\x00"]): 1}
        return {**value, name: bend(value[name], random)}
    if isinstance(value, list) and value and random.random() < 0.7:
        return [bend(value[0], random), *value[1:]]
    return random.choice(_alike(value) if random.random() < 0.6 else VALUES)


DAYS: Final = [value for value in VALUES if isinstance(value, str) and value[4:5] == "-"]
NUMBERS: Final = [value for value in VALUES if isinstance(value, int | float)]
TEXTS: Final = [value for value in VALUES if isinstance(value, str)]


def _alike(value: Any) -> list[Any]:
    """Values of the same kind, which get further than others."""
    if isinstance(value, str):
        return DAYS if re.match(r"\d{4}-", value) else TEXTS
    return NUMBERS if isinstance(value, int | float) else VALUES


def proofs(random: Random, session: int) -> str:
    """The JSON text that a phone signs, with something bent."""
    evidence = {
        "ticket": "abc12345",
        "nonce": "abc12345",
        "location": {"latitude": 52.5, "longitude": 13.4, "accuracy_m": 10, "age_s": 1},
        "beacons": [{"identifier": "b", "rssi": -60}],
        "device_info": {"app": "fuzz"},
        "selfie_sha256": "0" * 64,
        "session": session,
        "token": "abc",
        "counter": 1,
        "at": "2026-11-28T10:00:00Z",
    }
    return json.dumps(bend(evidence, random))


def wire(value: Any) -> bytes:
    """JSON as it travels: also of what has no UTF-8."""
    return json.dumps(value).encode()


class Fuzz:
    """Makes requests as the people of a cast and notes every answer of 500 and above."""

    def __init__(self, cast: Cast, document: dict[str, Any], *, seed: int) -> None:
        self.cast = cast
        self.described = Described(document)
        self.random = Random(seed)
        self.rows = {(row.method, documented(row)): row for row in ROWS}
        self.ids = {
            "course": cast.course.pk,
            "student": cast.student.pk,
            "classroom": cast.classroom.pk,
            "faculty": cast.lecturer.pk,
        }
        self.arguments: dict[Callable[..., Any], dict[str, Any]] = {}
        self.clients = {role: self._client(role) for role in ROLES}
        self.browsers = {role: self._browser(role) for role in ROLES}
        self.statuses: dict[int, int] = {}
        self.problems: list[str] = []

    def _client(self, role: str) -> Client:
        headers = {"host": self.cast.host}
        person = ROLES[role](self.cast)
        if person is not None:
            access = tokens(at(self.cast.host), person.email)["access_token"]
            headers["authorization"] = f"Bearer {access}"
        return APIClient(headers=headers, raise_request_exception=False)

    def _browser(self, role: str) -> Client:
        browser = Client(headers={"host": self.cast.host}, raise_request_exception=False)
        if (person := ROLES[role](self.cast)) is not None:
            browser.force_login(person)
        return browser

    # --- Making requests ---------------------------------------------------------------------

    def writes(self, count: int) -> Iterator[Bent]:
        """Bodies for the operations that take any, each operation and role in turn."""
        chosen = [entry for entry in self.described.operations if entry[0] != "get"]
        return (self._write(*self._turn(chosen, number)) for number in range(count))

    def reads(self, count: int) -> Iterator[Bent]:
        chosen = [entry for entry in self.described.operations if entry[0] == "get"]
        return (self._read(*self._turn(chosen, number)) for number in range(count))

    def _turn(self, chosen: list[Any], number: int) -> tuple[str, Any]:
        """Roles by turns; two of three requests by somebody whom the operation lets in."""
        entry = chosen[number % len(chosen)]
        row = self.rows[entry[:2]]
        let_in = [role for role, status in row.answers.items() if status not in (401, 403)]
        roles = let_in if let_in and self.random.random() < 0.67 else list(ROLES)
        return self.random.choice(roles), entry

    def _write(self, role: str, entry: Any) -> Bent:
        method, path, operation = entry
        contents = operation.get("requestBody", {}).get("content", {})
        schema: dict[str, Any] = contents.get("application/json") or next(
            iter(contents.values()), {}
        )
        body = self.described.example(schema.get("schema", {}), self.random, self.ids)
        act, kind, raw, headers = self.random.random(), "application/json", b"", {}
        if act < 0.75:
            raw = wire(bend(body, self.random))
        elif act < 0.85:
            raw = self.random.choice(RAW)
        else:
            raw, kind = self._form(body)
            kind = self.random.choice([kind, kind, *TYPES])
        if self.random.random() < 0.05:
            headers = self.random.choice(HEADERS)
        where = self._address(method, path, nasty=0.1)
        return Bent(role=role, method=method, path=where, body=raw, kind=kind, headers=headers)

    def _form(self, body: Any) -> tuple[bytes, str]:
        """The body as a browser's form, of either kind, with something bent."""
        bent = bend(body, self.random) if isinstance(body, dict) else {"a": 1}
        fields = {str(k): str(v) for k, v in bent.items()} if isinstance(bent, dict) else {}
        fields = {_sendable(key): _sendable(value) for key, value in fields.items()}
        if self.random.random() < 0.2:
            return urlencode(fields).encode(), "application/x-www-form-urlencoded"
        file = self.random.choice(["a.jpg", "a\x00.jpg", "\x7f", "a" * 400, "ä.pdf", ""])
        name = self.random.choice(["file", "photo", "selfie", "attachment", "x\x00"])
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        ]
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'
        text = "".join(
            [*parts, head, self.random.choice(["", "%PDF-1.7", "\x00\x01"]), "\r\n--x--"]
        )
        return text.encode(), "multipart/form-data; boundary=x"

    def _read(self, role: str, entry: Any) -> Bent:
        method, path, operation = entry
        where = self._address(method, path, nasty=0.25)
        names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
        names = names or ["page", "page_size"]
        asked = {
            name: _query_value(self.random.choice(VALUES))
            for name in names
            if self.random.random() < 2 / len(names)
        }
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        headers = self.random.choice(HEADERS) if self.random.random() < 0.05 else {}
        return Bent(role=role, method=method, path=f"{where}?{query}", headers=headers)

    def pages(self, count: int) -> Iterator[Bent]:
        """The portal's pages and the administration's lists, with bent addresses and forms."""
        rows = [row for row in ROWS if not row.route.startswith("api/")]
        lists = [reverse("admin:index"), *_lists_of_the_administration()]
        for number in range(count):
            row = rows[number % len(rows)]
            let_in = [role for role in ROLES if row.answers[role] != 401]
            role = self.random.choice(let_in or list(ROLES))
            if number % 3 == 0:
                path = f"{self.random.choice(lists)}?{self._query(LISTED)}"
                yield Bent(
                    role=self.random.choice(["admin", "super_admin"]), method="get", path=path
                )
            elif row.method == "get":
                path = f"{self._address('get', documented(row), nasty=0.2)}?{self._query(ASKED)}"
                yield Bent(role=role, method="get", path=path)
            else:
                yield self._page_form(role, row)

    def _page_form(self, role: str, row: Row) -> Bent:
        known = {"student": self.cast.student.pk, "course": self.cast.course.pk}
        body = {**dict.fromkeys(FORM, "2026-11-30"), **known, **row.body}
        body["status"] = self.random.choice(["present", "absent"])
        chosen = self.random.sample(sorted(body), k=len(body) - 3)
        bent = {name: self.random.choice(TEXTS) for name in self.random.sample(chosen, k=3)}
        text = urlencode(
            {name: _sendable(str(bent.get(name, body[name]))) for name in chosen}
        ).encode()
        where = self._address(row.method, documented(row), nasty=0.1)
        return Bent(role=role, method=row.method, path=where, body=text, kind=FORM_KIND)

    def _query(self, names: Sequence[str]) -> str:
        chosen = self.random.sample(names, k=2)
        return "&".join(f"{name}={_query_value(self.random.choice(VALUES))}" for name in chosen)

    def sign_in(self, count: int) -> Iterator[Bent]:
        """Bodies for the sign-in API, which another library reads; before sign-in and after."""
        body = {"email": "a@north.example", "password": "x", "code": "123456", "key": "x"}
        body |= {"refresh_token": "a.b.c", "current_password": "x", "new_password": "y"}
        for number in range(count):
            path = SIGN_IN[number % len(SIGN_IN)]
            raw = self.random.choice([wire(bend(body, self.random)), *RAW])
            headers = self.random.choice(HEADERS) if self.random.random() < 0.1 else {}
            role = self.random.choice(["anonymous", "student", "admin"])
            method = self.random.choice(["post", "post", "post", "get", "delete", "put", "patch"])
            yield Bent(role=role, method=method, path=path, body=raw, headers=headers)

    def _address(self, method: str, path: str, *, nasty: float) -> str:
        """The operation's address, of an object that exists or (this share) of a bent id."""
        known = self.arguments_of(self.rows[method, path])

        def fill(found: re.Match[str]) -> str:
            bent = self.random.random() < nasty
            return self.random.choice(SEGMENTS) if bent else quote(str(known[found[1]]))

        return re.sub(r"{(\w+)}", fill, path)

    def arguments_of(self, row: Row) -> dict[str, Any]:
        """Made once: rows of the same kind share their object."""
        if row.arguments not in self.arguments:
            self.arguments[row.arguments] = row.arguments_in(self.cast)
        return self.arguments[row.arguments]

    # --- Sending them ------------------------------------------------------------------------

    def send(self, bent: Bent, *, browser: bool = False) -> int:
        """The status; whatever the request did is undone."""
        client = (self.browsers if browser else self.clients)[bent.role]
        path, _mark, query = bent.path.partition("?")
        with transaction.atomic(), _caught() as caught:
            answer = client.generic(
                bent.method.upper(),
                path,
                bent.body,
                content_type=bent.kind,
                headers=bent.headers,
                QUERY_STRING=query,
            )
            if not answer.streaming:
                _ = answer.content
            transaction.set_rollback(True)
        cache.clear()
        status = int(answer.status_code)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status >= SERVER_ERROR:
            self.problems.append(f"{status} {bent}\n  {caught()}")
        return status


@contextmanager
def _caught() -> Iterator[Callable[[], str]]:
    """Where the last exception of a request came from."""
    seen: list[str] = []

    def keep(**_facts: Any) -> None:
        seen.append(" | ".join(traceback.format_exc().strip().splitlines()[-7:]))

    got_request_exception.connect(keep, weak=False)
    try:
        yield lambda: seen[-1] if seen else "(no exception was reported)"
    finally:
        got_request_exception.disconnect(keep)


def _lists_of_the_administration() -> list[str]:
    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in site._registry
    ]


def documented(row: Row) -> str:
    """The row's address as OpenAPI writes it."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", row.route)


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _query_value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return quote(text.encode("utf-8", "surrogatepass"))
