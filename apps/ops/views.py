"""The health endpoint for load balancers and container engines."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.notifications.selectors import channels_down
from apps.ops.health import check_health


@never_cache
@require_GET
def healthz(_request: HttpRequest) -> JsonResponse:
    """200 when every service answers, else 503; which one is away, and nothing else.

    A provider of messages that is down is named, but is no reason to send people elsewhere.
    """
    checks = check_health()
    healthy = all(checks.values())
    body: dict[str, Any] = {"status": "ok" if healthy else "unavailable", "checks": checks}
    if down := channels_down():
        body["providers_down"] = down
    return JsonResponse(body, status=200 if healthy else 503)
