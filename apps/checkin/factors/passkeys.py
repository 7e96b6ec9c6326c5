"""What a policy makes of a passkey's proof; both factors that it speaks for ask here."""

from collections.abc import Mapping
from typing import Any, Final

from apps.attendance.models import PasskeyUse, PersonUse
from apps.checkin.factors.base import FactorResult
from apps.signin.assertions import Proof

UNTIL_POLICIES_KNOW: Final = "0.60"


def passkey_use(policy: Mapping[str, Any]) -> PasskeyUse:
    return PasskeyUse(policy.get("passkey", PasskeyUse.OFF))


def person_use(policy: Mapping[str, Any]) -> PersonUse:
    return PersonUse(policy.get("person", PersonUse.OFF))


def asks_passkeys(policy: Mapping[str, Any]) -> bool:
    """Whether an assertion is looked at in this session at all."""
    return passkey_use(policy) != PasskeyUse.OFF or person_use(policy) != PersonUse.OFF


def confidence_of(proof: Proof, policy: Mapping[str, Any]) -> float:
    """1 for a passkey that stays on one device; what the policy says for one that may be copied."""
    if not proof.copyable:
        return 1.0
    return float(policy.get("synced_passkey_weight", UNTIL_POLICIES_KNOW))


def weakness(proof: Proof, policy: Mapping[str, Any]) -> str:
    """Why a right assertion counts nothing: passkey_too_new, synced_passkey; "" when it counts."""
    if proof.too_new:
        return "passkey_too_new"
    return "" if confidence_of(proof, policy) > 0 else "synced_passkey"


def facts_of(proof: Proof) -> dict[str, Any]:
    """What may be shown of it."""
    went_back = {"counter_went_back": True} if proof.went_back else {}
    return {"synced": proof.synced, "user_verified": proof.user_verified, **went_back}


def judged(proof: Proof, policy: Mapping[str, Any], *, reason: str) -> FactorResult:
    """What a right assertion counts: passed for this reason, or nothing for its weakness."""
    weak = weakness(proof, policy)
    if weak:
        return FactorResult(passed=None, reason=weak, detail=facts_of(proof))
    return FactorResult(
        passed=True,
        confidence=confidence_of(proof, policy),
        reason=reason,
        detail=facts_of(proof),
    )
