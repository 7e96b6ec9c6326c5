"""`check --deploy` under production settings with made-up but safe values."""

import os
import secrets
import subprocess
import sys

environment = {
    **os.environ,
    "DJANGO_SETTINGS_MODULE": "campus.settings.production",
    "SECRET_KEY": secrets.token_urlsafe(60),
    "CAMPUS_MASTER_KEY": secrets.token_hex(32),
    "ALLOWED_HOSTS": "campus.example",
    "DATABASE_URL": "postgresql://campus_app@localhost/campus",
    "DATABASE_OWNER_URL": "postgresql://campus_owner@localhost/campus",
    "REDIS_URL": "redis://localhost:6379/0",
    "METRICS_TOKEN": secrets.token_urlsafe(32),
    "MAIL_FROM": "office@campus.example",
    # What an operator may do without, or needs servers: tests/ops/test_deploy_checks.py.
    "SILENCED_SYSTEM_CHECKS": "backup.W001,ops.W002",
}
command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
sys.exit(subprocess.run(command, env=environment, check=False).returncode)
