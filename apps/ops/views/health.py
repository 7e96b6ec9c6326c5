"""Health for load balancers and container engines, and metrics for monitoring."""

import hmac
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.ops.health import check_health
from apps.ops.metrics import CONTENT_TYPE, exposition


@never_cache
@require_GET
def healthz(_request: HttpRequest) -> JsonResponse:
    """200 while this process answers at all; it asks no other service."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_GET
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when everything that requests need is there, else 503; what is not, and nothing else.

    A provider of messages that is down is named, but is no reason to send people elsewhere.
    """
    health = check_health()
    healthy = all(health.checks.values())
    body: dict[str, Any] = {
        "status": "ok" if healthy else "unavailable",
        "checks": health.checks,
    }
    if health.providers_down:
        body["providers_down"] = health.providers_down
    return JsonResponse(body, status=200 if healthy else 503)


@never_cache
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers of every campus for who knows `METRICS_TOKEN`; without one they are not to be had."""
    known = f"Bearer {settings.METRICS_TOKEN}" if settings.METRICS_TOKEN else ""
    given = request.headers.get("Authorization", "")
    if not known or not hmac.compare_digest(known.encode(), given.encode()):
        raise Http404
    return HttpResponse(exposition(now=timezone.now()), content_type=CONTENT_TYPE)
