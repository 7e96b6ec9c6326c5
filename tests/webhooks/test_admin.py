"""Webhooks in the administration: addresses that are refused, secrets that are shown, rights."""

from typing import Any

import pytest
from django.utils import timezone

from apps.audit.models import Entry
from apps.tenants.scope import campus_scope
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.webhooks.support import make_endpoint, secret_of

pytestmark = pytest.mark.django_db
LIST = url(WebhookEndpoint, "changelist")
ADD = url(WebhookEndpoint, "add")
FORM = {"name": "Library", "events": ["session.opened"], "is_active": "on"}


@pytest.mark.parametrize(
    "address",
    [
        "http://library.example/in",
        "https://user@library.example/",
        "ftp://library.example/",
        "library",
        "https://library.example/#x",
        "https://127.0.0.1:8443\\.example/",
    ],
)
def test_addresses_that_nothing_may_be_sent_to_are_refused(cast: Cast, address: str) -> None:
    page = client_of(cast, cast.admin).post(ADD, {**FORM, "url": address})
    assert page.status_code == 200
    assert "Nothing can be sent to this address" in page.content.decode()


def test_from_adding_to_the_secret_of_it(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    page = client.post(ADD, {**FORM, "url": "https://library.example/in"}, follow=True)
    assert "Show the secret" in page.content.decode()
    with campus_scope(cast.campus):
        endpoint = WebhookEndpoint.objects.get()
        assert endpoint.listens_since <= timezone.now()
    asked = {"action": "show_secret", "_selected_action": [str(endpoint.pk)]}
    shown = client.post(LIST, asked)
    assert "no-store" in shown["Cache-Control"]
    with campus_scope(cast.campus):
        secret = secret_of(endpoint, timezone.now())
        assert secret in shown.content.decode()
        assert Entry.objects.filter(action="webhooks.secret.read").count() == 2
        assert not Entry.objects.filter(data__icontains=secret).exists()


def test_a_secret_that_is_damaged_is_said_and_can_be_replaced(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    with campus_scope(cast.campus):
        endpoint = make_endpoint("https://library.example/", now=timezone.now())
        WebhookEndpoint.objects.update(sealed_secret=b"damaged")
    chosen: Any = {"action": "show_secret", "_selected_action": [str(endpoint.pk)]}
    page = client.post(LIST, chosen, follow=True)
    assert "Replace it." in page.content.decode()
    client.post(LIST, {**chosen, "action": "replace_secret"})
    assert "whsec_" in client.post(LIST, chosen).content.decode()


def test_switched_on_again_it_hears_only_what_happens_from_then_on(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    with campus_scope(cast.campus):
        endpoint = make_endpoint("https://library.example/", now=timezone.now(), is_active=False)
        WebhookEndpoint.objects.update(failures=7, resting_until=timezone.now())
        before = endpoint.listens_since
    sent = {**FORM, "url": endpoint.url, "_save": "1"}
    assert client.post(url(WebhookEndpoint, "change", endpoint.pk), sent).status_code == 302
    with campus_scope(cast.campus):
        endpoint.refresh_from_db()
    assert endpoint.is_active
    assert endpoint.listens_since > before
    assert (endpoint.failures, endpoint.resting_until) == (0, None)


@pytest.mark.parametrize("who", ["operator", "principal"])
@pytest.mark.parametrize("act", ["show_secret", "replace_secret", "test"])
def test_nobody_else_gets_a_secret_or_sends(cast: Cast, who: str, act: str) -> None:
    with campus_scope(cast.campus):
        endpoint = make_endpoint("https://library.example/", now=timezone.now())
        before = secret_of(endpoint, timezone.now())
    client = client_of(cast, getattr(cast, who))
    answer = client.post(LIST, {"action": act, "_selected_action": [str(endpoint.pk)]})
    assert before not in answer.content.decode()
    with campus_scope(cast.campus):
        endpoint.refresh_from_db()
        assert secret_of(endpoint, timezone.now()) == before
        assert not WebhookDelivery.objects.exists()


def test_a_test_stands_in_the_list_of_deliveries(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    with campus_scope(cast.campus):
        endpoint = make_endpoint("https://library.example/", now=timezone.now())
    chosen: Any = {"action": "test", "_selected_action": [str(endpoint.pk)]}
    client.post(LIST, chosen)
    page = client.get(url(WebhookDelivery, "changelist")).content.decode()
    assert "A test" in page
    assert "Library" in page
