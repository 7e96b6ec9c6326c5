"""The health endpoint for load balancers and container engines."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.ops.health import check_health


@never_cache
@require_GET
def healthz(_request: HttpRequest) -> JsonResponse:
    """200 when every service answers, else 503; which one is away, and nothing else."""
    checks = check_health()
    healthy = all(checks.values())
    body = {"status": "ok" if healthy else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if healthy else 503)
