"""What a provider's claims mean on this campus. No database, no network."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.accounts.models import Role
from apps.identity_providers.models import IdentityProvider

LONGEST_NUMBER: Final = 50
LONGEST_NAME: Final = 100
GOOGLE: Final = ("https://accounts.google.com", "accounts.google.com")
MULTI_FACTOR: Final = "mfa"  # RFC 8176


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Whoever has this value in this claim comes in by this role."""

    role: str
    claim: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Somebody as a provider describes them, read by the campus's settings.

    `email` is empty unless it is verified and of a domain that the provider speaks for; `given` is
    what stands in the claim.
    """

    issuer: str
    subject: str
    number: str
    email: str
    given: str
    first_name: str
    last_name: str
    roles: frozenset[str]
    multi_factor: bool


def rules_of(text: str) -> list[Rule]:
    """`role: claim = value`, one a line; raises ValueError with the line that is none."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        role, colon, condition = line.partition(":")
        claim, equals, value = condition.partition("=")
        rule = Rule(role=role.strip().lower(), claim=claim.strip(), value=value.strip())
        if not (colon and equals and rule.claim and rule.value) or rule.role not in Role.values:
            message = _(
                "“%(line)s” is no rule. Write “role: claim = value”, with one of %(roles)s."
            )
            raise ValueError(message % {"line": line[:80], "roles": ", ".join(Role.values)})
        found.append(rule)
    return found


def identity_of(
    provider: IdentityProvider, claims: Mapping[str, Any], *, domains: Collection[str]
) -> Identity:
    """`domains`: the e-mail domains of the campus."""
    given = first_of(claims, provider.email_claim).lower()
    return Identity(
        issuer=provider.issuer,
        subject=str(claims.get("sub", "")),
        number=first_of(claims, provider.number_claim)[: LONGEST_NUMBER + 1],
        email=_verified(provider, claims, given, domains),
        given=given,
        **_names(claims),
        roles=_roles(provider, claims),
        multi_factor=_is_multi_factor(provider, claims),
    )


def values_of(claims: Mapping[str, Any], name: str) -> list[str]:
    """The texts of a claim; a dot leads into an object, where no claim has the whole name."""
    found: Any = claims.get(name) if name else None
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return [str(one).strip() for one in listed if isinstance(one, str | int) and one is not True]


def first_of(claims: Mapping[str, Any], name: str) -> str:
    text = next(iter(values_of(claims, name)), "")
    return text if text.isprintable() else ""


def _verified(
    provider: IdentityProvider, claims: Mapping[str, Any], email: str, domains: Collection[str]
) -> str:
    """The address, if the provider vouches for it and may.

    Google vouches for the addresses of a Workspace (`hd`); of another address it only says that
    somebody once received a mail there.
    """
    campus = {domain.lower() for domain in domains}
    own = provider.email_domains or saml_scopes(provider)
    spoken_for = campus & set(own) if own else campus
    domain = email.rpartition("@")[2]
    if domain not in spoken_for or email.count("@") != 1:
        return ""
    if provider.issuer in GOOGLE and str(claims.get("hd", "")).lower() != domain:
        return ""
    return email if claims.get("email_verified") is True or provider.trusts_email else ""


def saml_scopes(provider: IdentityProvider) -> list[str]:
    """For which its SAML metadata says that it speaks."""
    entity = provider.entity if provider.is_saml else None
    return list(entity["scopes"]) if entity else []


def _roles(provider: IdentityProvider, claims: Mapping[str, Any]) -> frozenset[str]:
    rules = rules_of(provider.rules)
    allowed = frozenset(provider.roles)
    if not rules:
        return allowed
    return allowed & {rule.role for rule in rules if rule.value in values_of(claims, rule.claim)}


def _is_multi_factor(provider: IdentityProvider, claims: Mapping[str, Any]) -> bool:
    stated = set(provider.multi_factor_acr.split()) & set(values_of(claims, "acr"))
    return bool(stated) or MULTI_FACTOR in values_of(claims, "amr")


def _names(claims: Mapping[str, Any]) -> dict[str, str]:
    first, last = first_of(claims, "given_name"), first_of(claims, "family_name")
    if not first:
        first, _space, last = first_of(claims, "name").partition(" ")
    return {"first_name": first[:LONGEST_NAME], "last_name": last.strip()[:LONGEST_NAME]}
