"""Learning platforms in the administration."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.lti.models import LtiKey, LtiLink, LtiPlatform
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.lti.platform import LearningPlatform
from tests.lti.support import linked, moodle, registered

pytestmark = pytest.mark.django_db
__all__ = ["moodle"]
FORM = {
    "name": "Moodle",
    "issuer": "https://lms.example",
    "client_id": "abc",
    "deployment_ids": "1,2",
    "auth_login_url": "https://lms.example/mod/lti/auth.php",
    "token_url": "https://lms.example/mod/lti/token.php",
    "jwks_url": "https://lms.example/mod/lti/certs.php",
    "is_active": "on",
}


def test_an_administrator_registers_a_platform_and_reads_what_to_paste(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    page = client.get(url(LtiPlatform, "add")).content.decode()
    for path in ("lti/login", "lti/launch", "lti/jwks"):
        assert f"north.example/{path}</code>" in page
    assert client.post(url(LtiPlatform, "add"), FORM).status_code == 302
    with campus_scope(cast.campus):
        platform = LtiPlatform.objects.get()
        assert platform.deployment_ids == ["1", "2"]
        assert LtiKey.objects.count() == 1
    chosen: Any = {"action": "replace_key", "_selected_action": [str(platform.pk)]}
    assert "signs in an hour" in (
        client.post(url(LtiPlatform, "changelist"), chosen, follow=True).content.decode()
    )
    assert "shown" in client.get(url(LtiKey, "changelist")).content.decode()


@pytest.mark.parametrize("name", ["auth_login_url", "token_url", "jwks_url"])
@pytest.mark.parametrize("address", ["http://lms.example/", "javascript:alert(1)", "lms"])
def test_addresses_that_nothing_may_be_sent_to_are_refused(
    cast: Cast, name: str, address: str
) -> None:
    page = client_of(cast, cast.admin).post(url(LtiPlatform, "add"), {**FORM, name: address})
    assert page.status_code == 200
    assert "Nothing can be sent to this address" in page.content.decode()


def test_failures_are_shown_and_sent_again(cast: Cast, moodle: LearningPlatform) -> None:
    platform = registered(cast, moodle)
    now = timezone.now()
    with campus_scope(cast.campus):
        linked(cast, platform, moodle, scores="points", failures=3, failing_since=now, error="502")
        LtiLink.objects.update(next_run_at=now + timedelta(hours=5))
    client = client_of(cast, cast.admin)
    page = client.get(url(LtiLink, "changelist")).content.decode()
    assert "502" in page
    with campus_scope(cast.campus):
        link = LtiLink.objects.get()
    chosen: Any = {"action": "send_again", "_selected_action": [str(link.pk)]}
    client_of(cast, cast.principal).post(url(LtiLink, "changelist"), chosen)
    with campus_scope(cast.campus):
        assert LtiLink.objects.get().failures == 3  # not for who only looks
    client.post(url(LtiLink, "changelist"), chosen)
    with campus_scope(cast.campus):
        link.refresh_from_db()
    assert (link.failures, link.error) == (0, "")
    assert link.next_run_at <= timezone.now()
