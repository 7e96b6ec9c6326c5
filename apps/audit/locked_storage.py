"""S3 with object lock: what is written cannot be changed before its time, by nobody."""

from datetime import UTC, datetime, timedelta
from typing import Any

from apps.common.s3 import TimedS3Storage


class LockedStorage(TimedS3Storage):
    """Options of `S3Storage`, and `lock_days`, `lock_mode` (COMPLIANCE or GOVERNANCE).

    The bucket must have been made with object lock.
    """

    def get_default_settings(self) -> dict[str, Any]:
        return {**super().get_default_settings(), "lock_days": 3650, "lock_mode": "COMPLIANCE"}

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        until = datetime.now(UTC) + timedelta(days=self.lock_days)
        lock = {"ObjectLockMode": self.lock_mode, "ObjectLockRetainUntilDate": until}
        return {**super().get_object_parameters(name), **lock}
