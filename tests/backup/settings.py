"""An installation of its own in CAMPUS_VAR, with the tests' keys and quick passwords."""

from campus.settings.dev import *  # noqa: F403

ALLOWED_HOSTS = ["*"]
SECRET_KEY = "only-for-tests-" + "x" * 40
CAMPUS_MASTER_KEY = bytes(range(32))
BACKUP_KEY = bytes(range(32, 64))
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
