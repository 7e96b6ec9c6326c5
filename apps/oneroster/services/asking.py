"""Requests to a OneRoster service: access token, pages of a collection, tries again.

Whatever it answers is its word alone. What is not as the standard says ends the whole reading
(`ServiceProblem`), and nothing is saved of it.
"""

import base64
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.utils.translation import gettext as _
from requests.utils import parse_header_links

from apps.common.answers import AddressRefused, HttpAnswer, Limits, NoAnswer
from apps.common.http import HttpClient, Target
from apps.tenants.waiting import waiting

LIMITS: Final = Limits(whole=30.0, body=16 << 20)
SHORT: Final = Limits(whole=6.0)  # while somebody waits for a page of ours
PAGE: Final = 500  # rows asked for at once
MOST_PAGES: Final = 4000
MOST_ROWS: Final = 500_000  # of a collection
READ_SECONDS: Final = 300.0  # for everything: half of what a task may take
WAITS: tuple[float, ...] = (1.0, 4.0, 16.0)  # seconds before the second, third, fourth try
LONGEST_WAIT: Final = 60.0  # seconds, whatever `Retry-After` asks for
LONGEST_TOKEN: Final = 1 << 14
LONGEST_LINK: Final = 1 << 16
PATH: Final = "/ims/oneroster/rostering/v1p2"
TRIED_AGAIN: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
ERROR: Final = re.compile(r"[a-z]{2,20}(_[a-z]{2,20}){0,3}")
_client: Final = HttpClient(limits=LIMITS)
_short_client: Final = HttpClient(limits=SHORT)
Alive = Callable[[str], None]  # says what is going on; may end the work


class ServiceProblem(Exception):
    """Why a reading ended, for people."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """What is needed to ask, read from a connection before."""

    url: str
    token_url: str
    client_id: str
    secret: str
    scopes: str = ""


def address_problem(url: str) -> str:
    """Why nothing is sent there; "" where it may be."""
    try:
        _client.target(url)
    except AddressRefused as refused:
        return str(refused)
    return ""


class RosterService:
    """One reading of one service. `alive` is called before each request and while it waits.

    `once`: without trying again, and only for a short while.
    """

    def __init__(self, access: Access, *, alive: Alive, once: bool = False) -> None:
        self._access = access
        self._alive = alive
        self._waits = () if once else WAITS
        self._client = _short_client if once else _client
        self._token = ""
        self._until = time.monotonic() + READ_SECONDS

    def rows(self, collection: str, *, changed_since: str = "") -> Iterator[dict[str, Any]]:
        """Every object of the collection, page by page. Raises `ServiceProblem`.

        `changed_since`: the moment, as the service itself writes it, from which on.
        """
        query = {"limit": str(PAGE), "offset": "0", "sort": "sourcedId", "orderBy": "asc"}
        if changed_since:
            query["filter"] = f"dateLastModified>='{changed_since}'"
        url = self._address(collection, query)
        seen: set[str] = set()
        totals: set[int] = set()
        has_links = False
        for _page in range(MOST_PAGES):
            answer = self._get(url, collection)
            found = page_of(answer, collection)
            for row in found:
                if row["sourcedId"] in seen:
                    text = _("%(list)s: “%(id)s” came twice: the list changed while it was read.")
                    raise ServiceProblem(text % {"list": collection, "id": row["sourcedId"][:80]})
                seen.add(row["sourcedId"])
            yield from found
            total = _total(answer)
            totals |= set() if total is None else {total}
            if len(totals) > 1 or len(seen) > MOST_ROWS:
                break
            following = next_link(answer)
            has_links = has_links or bool(following)
            # What says how many there are, or links its pages, is at its end when it says so; of
            # what does neither only a page without rows is the end.
            if not found or (not following and (has_links or total == len(seen))):
                self._refuse_a_part(collection, len(seen), totals)
                return
            if following:
                url = self._followed(following, collection)
            else:
                url = self._address(collection, {**query, "offset": str(len(seen))})
        text = _("%(list)s: the list changed while it was read, or has no end.")
        raise ServiceProblem(text % {"list": collection})

    def count(self, collection: str) -> tuple[list[dict[str, Any]], int | None]:
        """The first objects, and how many there are where the service says so."""
        answer = self._get(self._address(collection, {"limit": "50", "offset": "0"}), collection)
        return page_of(answer, collection), _total(answer)

    def _address(self, collection: str, query: dict[str, str]) -> str:
        return f"{self._access.url}/{collection}?{urlencode(query, quote_via=quote)}"

    def _followed(self, link: str, collection: str) -> str:
        if link.startswith("/"):
            link = Target.of(self._access.url).origin + link
        try:
            if Target.of(link).lies_in(Target.of(self._access.url).origin):
                return link
        except AddressRefused:
            pass
        text = _("%(list)s: the next page lies at another address.") % {"list": collection}
        raise ServiceProblem(text)

    @staticmethod
    def _refuse_a_part(collection: str, number: int, totals: set[int]) -> None:
        if totals and totals != {number}:
            text = _("%(list)s: %(number)d rows came, %(total)d were announced.")
            values = {"list": collection, "number": number, "total": max(totals)}
            raise ServiceProblem(text % values)

    def _get(self, url: str, what: str) -> HttpAnswer:
        """An answer of status 200. A token that is over is replaced once."""
        fresh = not self._token
        answer = self._asked(lambda: self._authorized(url), what)
        if answer.status == 401 and not fresh:
            self._token = ""
            answer = self._asked(lambda: self._authorized(url), what)
        if answer.status != 200:
            raise ServiceProblem(_answered(what, answer.status, _said(answer, self._token)))
        return answer

    def _authorized(self, url: str) -> HttpAnswer:
        if not self._token:
            self._token = self._new_token()
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        return self._client.request("GET", url, headers=headers)

    def _new_token(self) -> str:
        access = self._access
        names = f"{quote(access.client_id, safe='')}:{quote(access.secret, safe='')}"
        headers = {"Authorization": f"Basic {base64.b64encode(names.encode()).decode()}"}
        form = {"grant_type": "client_credentials"}
        if access.scopes:
            form["scope"] = access.scopes
        what = _("access token")
        ask = partial(self._client.post_form, access.token_url, form, headers)
        answer = self._asked(ask, what)
        token = answer.object().get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not _is_header(token):
            raise ServiceProblem(_answered(what, answer.status, _error_code(answer)))
        return token

    def _asked(self, ask: Callable[[], HttpAnswer], what: str) -> HttpAnswer:
        """Tries again what may be better in a moment."""
        for number in range(len(self._waits) + 1):
            self._alive(what)
            if time.monotonic() > self._until:
                raise ServiceProblem(_("The service is too slow: reading it took too long."))
            is_last = number == len(self._waits)
            try:
                with waiting(SHORT.whole):
                    answer = ask()
            except AddressRefused as error:
                raise ServiceProblem(f"{what}: {error}") from error
            except NoAnswer as error:
                if is_last:
                    raise ServiceProblem(f"{what}: {error}") from error
                self._wait(self._waits[number], what)
                continue
            if answer.status not in TRIED_AGAIN or is_last:
                return answer
            asked = answer.retry_after(now=datetime.now(UTC)) or 0.0
            self._wait(max(self._waits[number], min(asked, LONGEST_WAIT)), what)
        raise AssertionError

    def _wait(self, seconds: float, what: str) -> None:
        self._alive(what)
        time.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311  (no secret)


def page_of(answer: HttpAnswer, collection: str) -> list[dict[str, Any]]:
    """The objects of one page, each with its `sourcedId`. Raises `ServiceProblem`."""
    found = answer.object().get(collection)
    if not isinstance(found, list):
        text = _("%(list)s: the answer is no list of OneRoster, but: %(text)s")
        start = " ".join(answer.text(80).replace("\x00", "").split())
        raise ServiceProblem(text % {"list": collection, "text": start})
    for row in found:
        sourced_id = row.get("sourcedId") if isinstance(row, dict) else None
        if not isinstance(sourced_id, str) or not 0 < len(sourced_id) < 256 or "\0" in sourced_id:
            text = _("%(list)s: a row has no sourcedId.") % {"list": collection}
            raise ServiceProblem(text)
    return found


def next_link(answer: HttpAnswer) -> str:
    """The address of the next page (RFC 8288); "" where none is named."""
    links = parse_header_links(str(answer.headers.get("Link", ""))[:LONGEST_LINK])
    for link in links:
        kinds = (value for name, value in link.items() if name.lower() == "rel")
        if any("next" in kind.lower().split() for kind in kinds):
            return str(link["url"])
    return ""


def _total(answer: HttpAnswer) -> int | None:
    said = str(answer.headers.get("X-Total-Count", "")).strip()
    return int(said[:12]) if said.isascii() and said.isdecimal() else None


def _answered(what: str, status: int, said: str) -> str:
    text = _("%(what)s: the service answered %(status)d %(text)s")
    return (text % {"what": what, "status": status, "text": said}).strip()


def _said(answer: HttpAnswer, token: str) -> str:
    """The beginning of the answer, without our token, should it repeat that."""
    said = " ".join(answer.text().replace("\x00", "").split())
    return said.replace(token, "…") if token else said


def _error_code(answer: HttpAnswer) -> str:
    """Of RFC 6749, and nothing else: an answer may repeat the secret, in whatever spelling."""
    code = answer.object().get("error")
    return code if isinstance(code, str) and ERROR.fullmatch(code) else ""


def _is_header(token: str) -> bool:
    return bool(token) and len(token) < LONGEST_TOKEN and token.isascii() and token.isprintable()
