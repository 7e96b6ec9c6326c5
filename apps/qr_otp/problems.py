"""What can be wrong with a code. Who asks gives it a status and words (`common.errors.Refusal`)."""

from enum import StrEnum


class Problem(StrEnum):
    """The values are codes of the API. The one that is empty, and so false: the code is right."""

    NONE = ""
    MALFORMED = "malformed_code"
    FORGED = "forged_code"
    EXPIRED = "expired_code"
    STAMP_EXPIRED = "stamp_expired"
    SEEN_ELSEWHERE = "seen_elsewhere"
    WRONG_CODE = "wrong_code"
    TOO_MANY_TRIES = "too_many_tries"
