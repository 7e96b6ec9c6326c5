"""Texts that look like numbers, codes and signatures and are none: refused, no error of ours."""

import base64
import hashlib
import json

import pytest
from django.utils import timezone

from apps.checkin.models import CheckInAttempt
from apps.qr_otp.tokens import base36
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import HERE
from tests.factories import Cast
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db
MAC = "A" * 26


@pytest.mark.parametrize("subject", ["²", "①", "³5", "٣"])
@pytest.mark.parametrize(("prefix", "path"), [("C", "redeem"), ("B", "rapid-code")])
def test_a_code_of_digits_that_are_none_is_malformed(
    cast: Cast, phone: Phone, subject: str, prefix: str, path: str
) -> None:
    token = f"{prefix}.{base36(cast.campus.pk)}.{subject}.1.{MAC}"
    answer = phone.client.post(f"/api/v1/check-in/{path}", {"token": token}, format="json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["code"] == "malformed_code"


@pytest.mark.parametrize("signature", ["é", "ａａａａ", "A"])
def test_a_signature_that_is_no_base64_is_refused(
    cast: Cast, phone: Phone, session: ClassSession, signature: str
) -> None:
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    answer = phone.check_in(ticket, signature=signature)
    assert answer.status_code == 400, answer.content
    kept = phone.offline_item(session.pk, "x", counter=1, at=timezone.now())
    (result,) = phone.send_offline({**kept, "signature": signature}).json()["results"]
    assert result["error"]["code"] == "malformed_signature"


@pytest.mark.parametrize("space", ["\n", "\u2003", "\u00a0", "\u3000"])
def test_a_selfie_with_odd_spaces_is_read_as_it_was_signed(
    cast: Cast, phone: Phone, session: ClassSession, jpeg: bytes, space: str
) -> None:
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    evidence = {"ticket": ticket, "nonce": "nonce-odd-1"}
    text = json.dumps({**evidence, "selfie_sha256": hashlib.sha256(jpeg).hexdigest()})
    selfie = base64.b64encode(jpeg).decode()
    body = {
        "evidence": text,
        "signature": phone.sign(text.encode()),
        "selfie": selfie[:100] + space + selfie[100:],
    }
    answer = phone.client.post("/api/v1/check-in", body, format="json")
    assert answer.status_code == 201, answer.content


@pytest.mark.parametrize("name", ["accuracy_m", "age_s", "latitude"])
@pytest.mark.parametrize("value", ["nan", "-nan", "inf"])
def test_a_fix_that_is_no_number_is_refused(
    cast: Cast, phone: Phone, session: ClassSession, name: str, value: str
) -> None:
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    answer = phone.check_in(ticket, location={**HERE, name: value})
    assert answer.status_code == 400, answer.content
    with campus_scope(cast.campus):
        assert not CheckInAttempt.objects.exists()
