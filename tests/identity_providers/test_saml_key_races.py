"""Two administrators at our keys for SAML at once."""

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
from apps.tenants.scope import campus_scope
from tests.factories import make_cast

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.mark.parametrize("act", [saml_key_ensure, saml_key_replace])
def test_two_at_once_make_no_two_keys_without_an_end(act: Callable[..., Any]) -> None:
    """Neither would ever be replaced: the older of two is to end by itself."""
    cast, now = make_cast("north"), timezone.now()
    if act is saml_key_replace:
        with campus_scope(cast.campus):
            saml_key_ensure(now=now, actor=SYSTEM)
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
        assert SamlKey.objects.filter(shown_until=None).count() == 1
