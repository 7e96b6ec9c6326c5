"""A OneRoster 1.2 service on loopback: tokens, pages, filters, and whatever it is told to get
wrong."""

import base64
import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.loopback import LoopbackServer, QuietHandler

CLIENT = "campus"
SECRET = "s e:cret/é"
PATH = "/ims/oneroster/rostering/v1p2"
SCHOOL = "o1"
Answer = tuple[int, Any, dict[str, str]]


def ref(kind: str, sourced_id: str) -> dict[str, str]:
    return {"href": f"https://sis.example/{kind}/{sourced_id}", "sourcedId": sourced_id}


def user(sourced_id: str, code: str, name: str, role: str, **fields: Any) -> dict[str, Any]:
    first, last = name.split()
    return {
        "sourcedId": sourced_id,
        "status": "active",
        "username": name.lower(),
        "givenName": first,
        "familyName": last,
        "identifier": code,
        "email": f"{code.lower()}@north.example",
        "roles": [{"roleType": "primary", "role": role, "org": ref("orgs", SCHOOL)}],
        **fields,
    }


def enrolment(sourced_id: str, course: str, person: str, role: str, **fields: Any) -> Any:
    return {
        "sourcedId": sourced_id,
        "status": "active",
        "role": role,
        "primary": str(role == "teacher").lower(),
        "class": ref("classes", course),
        "user": ref("users", person),
        "school": ref("orgs", SCHOOL),
        **fields,
    }


def roster(students: int = 4) -> dict[str, list[dict[str, Any]]]:
    """One school with one class; somebody and something of another school."""
    return {
        "orgs": [
            {"sourcedId": SCHOOL, "name": "Our University", "type": "school"},
            {"sourcedId": "o9", "name": "Another", "type": "school"},
            {
                "sourcedId": "o2", "name": "Mathematics", "type": "department",
                "identifier": "MATH", "parent": ref("orgs", SCHOOL),
            },
        ],
        "academicSessions": [
            {
                "sourcedId": "t1", "title": "Fall", "type": "term", "schoolYear": "2027",
                "startDate": "2026-09-01", "endDate": "2027-01-31",
            },
        ],
        "courses": [{"sourcedId": "c1", "title": "Linear Algebra", "courseCode": "MA201"}],
        "classes": [
            {
                "sourcedId": "k1", "title": "Group 1", "classCode": "MA201 G1",
                "course": ref("courses", "c1"), "school": ref("orgs", SCHOOL),
                "terms": [ref("academicSessions", "t1")],
            },
            {
                "sourcedId": "k9", "title": "Elsewhere", "classCode": "X",
                "course": ref("courses", "c1"), "school": ref("orgs", "o9"), "terms": [],
            },
        ],
        "users": [
            user("u1", "F900", "Emmy Noether", "teacher"),
            *(user(f"s{n}", f"S90{n}", f"Sofja K{'abcdefghijklm'[n]}", "student")
              for n in range(students)),
            user("g1", "G1", "Guar Dian", "guardian"),
            user("x1", "X1", "El Sewhere", "student", roles=[
                {"role": "student", "org": ref("orgs", "o9")}
            ]),
        ],
        "enrollments": [
            enrolment("e", "k1", "u1", "teacher"),
            *(enrolment(f"e{n}", "k1", f"s{n}", "student") for n in range(students)),
            enrolment("e9", "k9", "x1", "student", school=ref("orgs", "o9")),
        ],
    }  # fmt: skip


class OneRosterService(LoopbackServer):
    """`wrong` may take a request and give another answer; `asked` are the addresses of GETs."""

    def __init__(self) -> None:
        self.lists = roster()
        self.page = 3  # rows at most on one, whatever is asked for
        self.links = self.totals = True
        self.refusal = "invalid_client"
        self.clock = 0  # minutes: when the next change is dated
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        self.counts: Counter[str] = Counter()
        self.failures: list[Answer] = []  # given first, one for each request
        self.wrong: Callable[[str, dict[str, str]], Answer | None] = lambda name, query: None
        for rows in self.lists.values():
            for row in rows:
                row["dateLastModified"] = self.moment()
        service = self

        class Handler(QuietHandler):
            def reply(self, method: str) -> None:
                allowed = self.headers.get("Authorization", "")
                status, content, headers = (
                    service.get(self.path, allowed)
                    if method == "GET"
                    else service.post(allowed, self.body().decode())
                )
                sent = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send(status, sent, headers)

        super().__init__(Handler)

    # --- Its content -------------------------------------------------------------------------

    def moment(self) -> str:
        """Hours apart, as `dateLastModified`."""
        return f"2026-09-{1 + self.clock // 12:02d}T{2 * (self.clock % 12):02d}:00:00.000Z"

    def change(self, name: str, sourced_id: str, **fields: Any) -> None:
        """A later change of one object; a new one where there is none."""
        self.clock += 1
        row = next((row for row in self.lists[name] if row["sourcedId"] == sourced_id), None)
        if row is None:
            row = {"sourcedId": sourced_id}
            self.lists[name].append(row)
        row |= {**fields, "dateLastModified": self.moment()}

    def delete(self, name: str, *ids: str) -> None:
        """Without a trace."""
        self.lists[name] = [row for row in self.lists[name] if row["sourcedId"] not in ids]

    # --- Its answers -------------------------------------------------------------------------

    def post(self, authorization: str, body: str) -> Answer:
        self.counts["token"] += 1
        named = base64.b64encode(b"campus:s%20e%3Acret%2F%C3%A9").decode()
        given = parse_qs(body)
        if authorization != f"Basic {named}" or given["grant_type"] != ["client_credentials"]:
            return 401, {"error": self.refusal, "error_description": SECRET}, {}
        token = f"token-{self.counts['token']}"
        self.tokens.add(token)
        return 200, {"access_token": token, "token_type": "bearer", "expires_in": 3600}, {}

    def get(self, path: str, authorization: str) -> Answer:
        self.asked.append(path)
        if self.failures:
            return self.failures.pop(0)
        if authorization.removeprefix("Bearer ") not in self.tokens:
            return 401, {"imsx_codeMajor": "failure"}, {}
        parts = urlsplit(path)
        name = parts.path.removeprefix(f"{PATH}/")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.counts[name] += 1
        return self.wrong(name, query) or self.listed(name, query)

    def listed(self, name: str, query: dict[str, str]) -> Answer:
        rows = sorted(self.lists[name], key=lambda row: str(row[query.get("sort", "sourcedId")]))
        if "filter" in query:
            field, _, value = query["filter"].partition(">=")
            rows = [row for row in rows if row[field] >= value.strip("'")]
        start, limit = int(query["offset"]), min(int(query["limit"]), self.page)
        headers = {"X-Total-Count": str(len(rows))} if self.totals else {}
        if self.links and start + limit < len(rows):
            following = urlencode({**query, "offset": start + limit})
            headers["Link"] = f'<{self.url}{PATH}/{name}?{following}>; rel="next"'
        return 200, {name: rows[start : start + limit]}, headers
