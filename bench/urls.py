"""The platform's addresses and two trivial views: the baselines that ratios are taken against.

Both commit one insert behind the same middleware as everything else.
"""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response


def insert_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (body) VALUES (%s)", ["x" * 100])


@csrf_exempt
def plain_view(request: HttpRequest) -> HttpResponse:
    """A Django view: what the middleware and one insert cost."""
    insert_row()
    return HttpResponse("ok")


@api_view(["POST"])
@permission_classes([AllowAny])
def rest_view(request: Request) -> Response:
    """A view of the REST framework, as redeem and check-in are; it reads the body as they do."""
    insert_row()
    return Response({"received": len(request.data)})


urlpatterns = [
    path("bench/plain", plain_view),
    path("bench/rest", rest_view),
    path("", include("campus.urls")),
]
