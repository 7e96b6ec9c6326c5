"""Two administrators at our keys for SAML, or for learning platforms, at once."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from apps.audit.services import SYSTEM
from apps.common.errors import Refused
from apps.identity_providers.models import SamlKey
from apps.identity_providers.services import saml_key_ensure, saml_key_replace
from apps.lti.models import LtiKey
from apps.lti.services.keys import key_ensure, key_replace
from apps.tenants.published_keys import PublishedKey
from apps.tenants.scope import campus_scope
from tests.factories import make_cast

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize(
    ("kind", "ensure", "replace"),
    [(SamlKey, saml_key_ensure, saml_key_replace), (LtiKey, key_ensure, key_replace)],
)
def test_two_at_once_make_no_two_keys_without_an_end(
    kind: type[PublishedKey],
    ensure: Callable[..., Any],
    replace: Callable[..., Any],
    replaces: bool,
) -> None:
    """Neither would ever be replaced: the older of two is to end by itself."""
    cast, now = make_cast("north"), timezone.now()
    act = replace if replaces else ensure
    if replaces:
        with campus_scope(cast.campus):
            ensure(now=now, actor=SYSTEM)
    together = threading.Barrier(2)

    def once() -> None:
        try:
            with suppress(Refused), campus_scope(cast.campus):  # the second of two replaces nothing
                together.wait(10)
                act(now=now + timedelta(seconds=1), actor=SYSTEM)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=once) for _each in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with campus_scope(cast.campus):
        assert kind._default_manager.filter(shown_until=None).count() == 1
