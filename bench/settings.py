"""Development settings with the benchmark's own baseline view beside the platform's addresses."""

from campus.settings.dev import *  # noqa: F403
from campus.settings.dev import ALLOWED_HOSTS, REST_FRAMEWORK

ROOT_URLCONF = "bench.urls"
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "bench.example", "north.example"]
LOG_LEVEL = "WARNING"
# One person asks as fast as the server answers here.
_UNLIMITED = ("report", "search", "download", "person", "calendar_feed", "redeem", "check_in")
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] |= dict.fromkeys(_UNLIMITED, "1000000/sec")
