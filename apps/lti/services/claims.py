"""What a checked launch says: read from its claims, of which any may be odd."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.common.texts import CONTROL
from apps.lti.models import ADDRESS_LENGTH, NAME_LENGTH, LtiPlatform
from apps.lti.problems import LaunchProblem
from apps.lti.services.asking import address_problem

CLAIM: Final = "https://purl.imsglobal.org/spec/lti/claim/"
DEEP_CLAIM: Final = "https://purl.imsglobal.org/spec/lti-dl/claim/"
AGS_CLAIM: Final = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS_CLAIM: Final = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
RESOURCE_LINK: Final = "LtiResourceLinkRequest"
DEEP_LINKING: Final = "LtiDeepLinkingRequest"
LINK_TYPE: Final = "ltiResourceLink"
VERSION: Final = "1.3.0"
PAGE: Final = "campus_page"  # the custom parameter of links that were chosen here
LONGEST_DATA: Final = 1 << 14  # characters of what the platform wants to have back
LONGEST_RETURN: Final = 1 << 12  # characters: some carry a token of their own
# Of the vocabularies of memberships, institutions and the system.
STAFF: Final = frozenset(
    {"Administrator", "ContentDeveloper", "Faculty", "Instructor", "Manager", "Staff"}
    | {"SysAdmin", "TeachingAssistant"}
)


@dataclass(frozen=True, kw_only=True)
class Linking:
    """What the platform takes of a choice, and where it is sent (LTI Deep Linking 2.0 §4.4.1)."""

    return_url: str
    data: str | None
    multiple: bool
    line_items: bool


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What a checked launch says. `name` is shown to its person and stored nowhere.

    `page`: where a link leads that was chosen here; `linking`: a link is to be chosen, and `relay`
    names the frame of the platform that waits for it.
    """

    platform_id: str
    subject: str
    name: str
    context_id: str
    context_title: str
    section_code: str
    line_items_url: str
    memberships_url: str
    page: str = ""
    deployment: str = ""
    linking: Linking | None = None
    relay: str = ""


def launch_from(platform: LtiPlatform, claims: Mapping[str, Any], *, relay: str) -> Launch:
    """Raises `Refused` for messages that we do not take."""
    context = _part(claims, f"{CLAIM}context")
    return Launch(
        platform_id=str(platform.pk),
        subject=claims["sub"],
        name=text_in(claims, "name"),
        context_id=text_in(context, "id"),
        context_title=text_in(context, "title") or text_in(context, "label"),
        section_code=text_in(_part(claims, f"{CLAIM}lis"), "course_section_sourcedid"),
        line_items_url=_address(_part(claims, AGS_CLAIM), "lineitems"),
        memberships_url=_address(_part(claims, NRPS_CLAIM), "context_memberships_url"),
        page=text_in(_part(claims, f"{CLAIM}custom"), PAGE),
        deployment=text_in(claims, f"{CLAIM}deployment_id"),
        linking=_linking(claims),
        relay=relay,
    )


def _linking(claims: Mapping[str, Any]) -> Linking | None:
    kind = text_in(claims, f"{CLAIM}message_type"), text_in(claims, f"{CLAIM}version")
    if kind == (RESOURCE_LINK, VERSION):
        return None
    if kind != (DEEP_LINKING, VERSION):
        raise LaunchProblem.MESSAGE.error()
    if not _is_of_staff(claims):
        raise LaunchProblem.LINKING_STAFF.error()
    wanted = _part(claims, f"{DEEP_CLAIM}deep_linking_settings")
    return_url = _address(wanted, "deep_link_return_url", longest=LONGEST_RETURN)
    data = wanted.get("data")
    if not return_url:
        raise LaunchProblem.LINKING_RETURN.error()
    if data is not None and (not isinstance(data, str) or len(data) > LONGEST_DATA):
        raise LaunchProblem.MALFORMED.error()
    types = wanted.get("accept_types")
    if not isinstance(types, list) or LINK_TYPE not in types:
        raise LaunchProblem.LINKING_TYPES.error()
    return Linking(
        return_url=return_url,
        data=data,
        multiple=wanted.get("accept_multiple") is True,
        line_items=wanted.get("accept_lineitem") is True,
    )


def _is_of_staff(claims: Mapping[str, Any]) -> bool:
    """By the last word of a role: `…/membership#Instructor`, `…/membership/Instructor#Grader`."""
    roles = claims.get(f"{CLAIM}roles")
    texts = [role for role in (roles if isinstance(roles, list) else []) if isinstance(role, str)]
    words = (role.replace("#", "/").split("/") for role in texts)
    return any(STAFF.intersection(parts[-2:]) for parts in words)


def _part(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = claims.get(name)
    return found if isinstance(found, dict) else {}


def text_in(claims: Mapping[str, Any], name: str) -> str:
    """A text of one line; "" for anything else: nothing of it may look like another text."""
    found = claims.get(name)
    if not isinstance(found, str) or len(found) > NAME_LENGTH or CONTROL.search(found):
        return ""
    return found if found.isprintable() else ""


def _address(claims: Mapping[str, Any], name: str, *, longest: int = ADDRESS_LENGTH) -> str:
    found = claims.get(name)
    fits = isinstance(found, str) and len(found) <= longest and not address_problem(found)
    return str(found) if fits else ""
