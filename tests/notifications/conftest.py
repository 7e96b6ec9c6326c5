"""What the tests of messages share."""

from collections.abc import Iterator
from functools import lru_cache

import pytest
from cryptography.hazmat.primitives import serialization


@pytest.fixture(scope="session", autouse=True)
def _keys_are_checked_once() -> Iterator[None]:
    """Loading an RSA key takes a tenth of a second, and each test has a client of its own."""
    with pytest.MonkeyPatch.context() as patch:
        cached = lru_cache(serialization.load_pem_private_key)
        patch.setattr(serialization, "load_pem_private_key", cached)
        yield
