"""Errors in the shape of RFC 7644 §3.12."""

from typing import Any, Final

ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """`kind` is the RFC's `scimType`; "" where it names none."""

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind

    def body(self) -> dict[str, Any]:
        typed = {"scimType": self.kind} if self.kind else {}
        return {
            "schemas": [ERROR],
            "status": str(self.status),
            **typed,
            "detail": self.detail,
        }
