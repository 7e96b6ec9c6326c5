"""Errors in the shape of OneRoster 1.2 (`imsx_StatusInfo`). No database."""

from typing import Any, Final

UNKNOWN: Final = "unknownobject"
UNAUTHORISED: Final = "unauthorisedrequest"
FORBIDDEN: Final = "forbidden"
BUSY: Final = "server_busy"
BAD_FILTER: Final = "invalid_filter_field"
BAD_SELECTION: Final = "invalid_selection_field"
BAD_DATA: Final = "invaliddata"


class RosterError(Exception):
    """`minor`: the standard's code (imsx_codeMinorFieldValue)."""

    def __init__(
        self, status: int, minor: str, said: str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(said)
        self.status = status
        self.minor = minor
        self.said = said
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        field = {
            "imsx_codeMinorFieldName": "TargetEndSystem",
            "imsx_codeMinorFieldValue": self.minor,
        }
        return {
            "imsx_codeMajor": "failure",
            "imsx_severity": "error",
            "imsx_description": self.said,
            "imsx_CodeMinor": {"imsx_codeMinorField": [field]},
        }


class TokenError(Exception):
    """An error of RFC 6749 §5.2, by its code."""

    def __init__(self, code: str, said: str, *, status: int = 400) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.status = status

    def body(self) -> dict[str, str]:
        return {"error": self.code, "error_description": self.said}
