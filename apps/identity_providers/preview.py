"""What a token or an answer would do, for administrators. Nothing is saved."""

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.accounts.models import Role
from apps.common.strict_json import UnreadableJSON, loads
from apps.identity_providers.claims import Identity, identity_of
from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInRefusal
from apps.identity_providers.saml.sign_in import assertion_claims
from apps.identity_providers.selectors import Judgement, judge
from apps.saml.documents import NAMES, XmlRefused, parsed, tag, text_of
from apps.saml.messages import AnswerRefused, decoded

LONGEST: Final = 64_000  # characters


@dataclass(frozen=True, kw_only=True)
class TokenPreview:
    """What is read from the claims, and who would come in, for people."""

    identity: Identity
    judgement: Judgement
    rows: list[tuple[str, str]]
    verdict: str


def claims_in(text: str, *, provider: IdentityProvider) -> dict[str, Any]:
    """Of an ID token or an answer of SAML, with signatures unread, or of claims as JSON.

    Raises ValueError with what is wrong.
    """
    text = text.strip()
    if provider.is_saml and not text.startswith("{"):
        return _asserted(text, provider)
    return _stated(text)


def _asserted(text: str, provider: IdentityProvider) -> dict[str, Any]:
    """Of an answer or an assertion, as XML or as it is posted."""
    try:
        raw = text.encode() if text.startswith("<") else decoded(text)
        root = parsed(raw, longest=LONGEST)
    except (AnswerRefused, XmlRefused) as error:
        raise ValueError(_("This is neither an answer of SAML nor a JSON object.")) from error
    assertion = root if root.tag == tag("saml:Assertion") else root.find("saml:Assertion", NAMES)
    if assertion is None:
        raise ValueError(_("There is no assertion in it, or it is encrypted."))
    path = "saml:Conditions/saml:AudienceRestriction/saml:Audience"
    return {
        **assertion_claims(provider, assertion),
        "iss": text_of(assertion.find("saml:Issuer", NAMES)),
        "aud": [text_of(one) for one in assertion.findall(path, NAMES)],
    }


def _stated(text: str) -> dict[str, Any]:
    parts = text.split(".")
    if len(text) <= LONGEST and len(parts) == 3 and not text.startswith("{"):
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        try:
            text = base64.urlsafe_b64decode(padded).decode()
        except (binascii.Error, ValueError) as error:
            raise ValueError(_("This is no ID token.")) from error
    try:
        found = loads(text.encode()) if len(text) <= LONGEST else None
    except UnreadableJSON as error:
        raise ValueError(_("This is neither an ID token nor a JSON object.")) from error
    if not isinstance(found, dict):
        raise ValueError(_("This is neither an ID token nor a JSON object."))
    return found


def preview(
    *, provider: IdentityProvider, claims: dict[str, Any], domains: Collection[str]
) -> TokenPreview:
    identity = identity_of(provider, claims, domains=domains)
    judgement = judge(provider=provider, identity=identity)
    return TokenPreview(
        identity=identity,
        judgement=judgement,
        rows=_rows(identity),
        verdict=_verdict(provider, claims, identity, judgement),
    )


def _rows(identity: Identity) -> list[tuple[str, str]]:
    nothing = "–"
    email = identity.given or nothing
    if identity.given and not identity.email:
        email = _("%(email)s (not verified, or of another domain: not used)") % {"email": email}
    roles = ", ".join(str(Role(role).label) for role in sorted(identity.roles))
    return [
        (_("Subject"), identity.subject or nothing),
        (_("Number"), identity.number or nothing),
        (_("E-mail address"), email),
        (_("Roles"), roles or _("none: nobody comes in")),
        (_("Second factor"), _("yes") if identity.multi_factor else _("no")),
    ]


def _verdict(
    provider: IdentityProvider, claims: dict[str, Any], identity: Identity, judgement: Judgement
) -> str:
    if claims.get("iss", provider.issuer) != provider.issuer:
        return _("Refused: this is a token of another issuer, %(issuer)s.") % {
            "issuer": str(claims["iss"])[:200]
        }
    audience = claims.get("aud", provider.client_id)
    if provider.client_id not in (audience if isinstance(audience, list) else [audience]):
        return _("Refused: this token was made for another client.")
    no_id = provider.is_saml and not identity.subject
    problem = SignInRefusal.NO_ID if no_id else judgement.problem
    if problem is not None:
        text = problem.label % {"provider": provider.name}
        return _("Refused. The person reads: “%(text)s”") % {"text": text}
    if judgement.is_new:
        return _("Comes in as a new student.")
    return _("Comes in as %(person)s.") % {"person": judgement.user}


def shown(claims: dict[str, Any]) -> str:
    """The claims as they were read."""
    return json.dumps(claims, indent=2, ensure_ascii=False, sort_keys=True)
