"""What directories ask, in the shapes that they ask it in. No database.

RFC 7644 leaves much open: Microsoft Entra sends `"active": "False"` as a text with a path, Okta an
object without a path; both are read.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.common.texts import is_storable
from apps.identity_providers.scim.problems import ScimError

PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MOST_OPERATIONS: Final = 100
LONGEST: Final = 255
MOST: Final = 200  # on a page
_FILTER: Final = re.compile(r'\s*([A-Za-z:.\d]+|emails\[[^\]]{0,60}\]\.value)\s+(\w+)\s+(".*")\s*')
# By which somebody may be looked for, in lower case, and what is looked for then.
FILTERS: Final = {
    "username": "user_name",
    "externalid": "external_id",
    "id": "id",
    "emails": "email",
    "emails.value": "email",
}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to change of a person; None: as it is."""

    active: bool | None = None
    external_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class PersonPage:
    """Counted from one, as SCIM does."""

    start: int
    count: int


def filter_of(text: str) -> tuple[str, str] | None:
    """What is looked for, and its value; None for everybody. Raises `ScimError`."""
    if not text.strip():
        return None
    found = _FILTER.fullmatch(text[:1000])
    if found is None or found[2].lower() != "eq":
        raise ScimError(400, "Filters are: attribute eq “value”.", "invalidFilter")
    name = found[1].removeprefix(f"{USER}:").lower()
    name = "emails.value" if name.startswith("emails[") else name
    if name not in FILTERS:
        raise ScimError(
            400, "People are found by userName, externalId, id or emails.", "invalidFilter"
        )
    try:
        value = json.loads(found[3])
    except ValueError as error:
        raise ScimError(400, "The value of the filter is no text.", "invalidFilter") from error
    return FILTERS[name], _text(value, "The value of the filter")


def page_of(query: Mapping[str, str]) -> PersonPage:
    """Raises `ScimError`. As RFC 7644 §3.4.2.4 reads what is too small."""
    return PersonPage(
        start=max(1, _number(query, "startIndex", 1)),
        count=min(MOST, max(0, _number(query, "count", 100))),
    )


def _number(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name, "")
    if not text:
        return usual
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ScimError(400, f"{name} is a whole number.", "invalidValue")
    return int(text)


def patch_of(body: Any) -> Wish:
    """Of a PATCH. What the roster says (names, addresses) is left alone. Raises `ScimError`."""
    operations = _member(_object(body), "Operations")
    if not isinstance(operations, list) or not 0 < len(operations) <= MOST_OPERATIONS:
        raise ScimError(400, "A PATCH has Operations.", "invalidSyntax")
    wished: dict[str, Any] = {}
    for operation in operations:
        wished |= _operation(_object(operation))
    return _wish(wished)


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kind = str(_member(operation, "op") or "").lower()
    path, value = _member(operation, "path"), _member(operation, "value")
    if kind not in ("add", "replace", "remove"):
        raise ScimError(400, "Operations are add, replace and remove.", "invalidSyntax")
    if kind == "remove":
        if not isinstance(path, str) or _name(path) == "active":
            raise ScimError(400, "active cannot be removed.", "mutability")
        return {}
    if path is None:
        return {_name(key): one for key, one in _object(value).items()}
    if not isinstance(path, str):
        raise ScimError(400, "A path is a text.", "invalidPath")
    return {_name(path): value}


def put_of(body: Any) -> Wish:
    """Of a PUT: what it does not name stays. Raises `ScimError`."""
    return _wish({_name(key): value for key, value in _object(body).items()})


def _wish(named: Mapping[str, Any]) -> Wish:
    external = named.get("externalid")
    return Wish(
        active=None if named.get("active") is None else _flag(named["active"]),
        external_id=None if external is None else _text(external, "externalId"),
    )


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """Whom a directory wants to enter."""

    user_name: str
    email: str
    number: str
    first_name: str
    last_name: str
    wish: Wish


def newcomer_of(body: Any) -> Newcomer:
    """Of a POST. Raises `ScimError`."""
    found = _object(body)
    name, extension = _member(found, "name"), _member(found, ENTERPRISE)
    first = _member(name, "givenName") if isinstance(name, dict) else None
    last = _member(name, "familyName") if isinstance(name, dict) else None
    number = _member(extension, "employeeNumber") if isinstance(extension, dict) else None
    user_name = _text(_member(found, "userName"), "userName")
    return Newcomer(
        user_name=user_name,
        email=_address(_member(found, "emails"), user_name),
        number=_text(number, "employeeNumber") if number is not None else "",
        first_name=_text(first, "name.givenName") if first is not None else "",
        last_name=_text(last, "name.familyName") if last is not None else "",
        wish=put_of(body),
    )


def _address(emails: Any, user_name: str) -> str:
    """The primary address, else the first; else the user name, where it is one."""
    listed = [one for one in emails if isinstance(one, dict)] if isinstance(emails, list) else []
    listed.sort(key=lambda one: one.get("primary") is not True)
    value = listed[0].get("value") if listed else user_name
    return value.strip().lower() if isinstance(value, str) and "@" in value else ""


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ScimError(400, "This is no JSON object of SCIM.", "invalidSyntax")
    return value


def _member(found: Mapping[str, Any], name: str) -> Any:
    """Names of attributes are the same in any case (RFC 7643 §2.1)."""
    return next((value for key, value in found.items() if key.lower() == name.lower()), None)


def _name(path: str) -> str:
    lower, user = path.strip().lower(), USER.lower()
    return lower.removeprefix(f"{user}:")


def _flag(value: Any) -> bool:
    """A truth value; also as a text, and in a list of one, as older directories send it."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("value")
    text = str(value).strip().lower() if isinstance(value, str | bool) else ""
    if text not in ("true", "false"):
        raise ScimError(400, "active is true or false.", "invalidValue")
    return text == "true"


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST:
        raise ScimError(400, f"{what} is a text of up to {LONGEST} characters.", "invalidValue")
    if not is_storable(value):
        raise ScimError(400, f"{what} is a text of up to {LONGEST} characters.", "invalidValue")
    return value.strip()
