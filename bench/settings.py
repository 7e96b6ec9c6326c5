"""Development settings with the benchmark's own baseline view beside the platform's addresses."""

from campus.settings.dev import *  # noqa: F403
from campus.settings.dev import ALLOWED_HOSTS

ROOT_URLCONF = "bench.urls"
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "bench.example"]
LOG_LEVEL = "WARNING"
