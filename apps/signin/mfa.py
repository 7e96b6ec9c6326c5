"""Second factors: their secrets are encrypted at rest."""

import base64
from typing import Final

from allauth.mfa.adapter import DefaultMFAAdapter

from apps.common.crypto import seal, unseal

PURPOSE: Final = "second-factor"
PLATFORM: Final = 0  # a user belongs to no single campus, so neither does this key


class MfaAdapter(DefaultMFAAdapter):
    """TOTP secrets and recovery seeds under AES-256-GCM instead of in the clear."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(PURPOSE, PLATFORM, text.encode())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(PURPOSE, PLATFORM, base64.b64decode(encrypted_text)).decode()
