"""An open session, a phone and a photo, as every test of registers and check-ins needs them."""

from tests.attendance.support import jpeg, phone, session

__all__ = ["jpeg", "phone", "session"]
