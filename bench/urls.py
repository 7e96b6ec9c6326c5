"""The platform's addresses and the baselines that ratios are taken against.

Two trivial views commit one insert behind the same middleware as everything else, one marks
attendance without asking who does; another searches without an index, the last only signs in.
"""

from django.db import connection
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsMember
from apps.accounts.models import Student


def insert_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (body) VALUES (%s)", ["x" * 100])


@csrf_exempt
def plain_view(request: HttpRequest) -> HttpResponse:
    """A Django view: what the middleware and one insert cost."""
    insert_row()
    return HttpResponse("ok")


@csrf_exempt
def mark_view(request: HttpRequest) -> HttpResponse:
    """The plainest "mark attendance": is there such a student in the class, then mark them. No
    sign-in, no check of anything, no history."""
    student = int(request.GET.get("student", "1"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status FROM bench_mark WHERE session = 1 AND student = %s", [student]
        )
        if cursor.fetchone() is None:
            return HttpResponse("no such student", status=404)
        cursor.execute(
            "UPDATE bench_mark SET status = 'present', at = now()"
            " WHERE session = 1 AND student = %s",
            [student],
        )
    return HttpResponse("ok")


@api_view(["POST"])
@permission_classes([AllowAny])
def rest_view(request: Request) -> Response:
    """A view of the REST framework, as redeem and check-in are; it reads the body as they do."""
    insert_row()
    return Response({"received": len(request.data)})


@api_view(["GET"])
@permission_classes([IsMember])
def member_view(request: Request) -> Response:
    """What signing in costs."""
    return Response({})


@api_view(["GET"])
@permission_classes([IsMember])
def ilike_view(request: Request) -> Response:
    """What the search of students answers, found by comparing every row."""
    rows = Student.objects.filter(is_active=True).order_by("full_name", "id")
    for word in request.query_params["q"].split():
        columns = ("code", "first_name", "last_name", "email")
        rows = rows.filter(Q(*((f"{c}__icontains", word) for c in columns), _connector=Q.OR))
    hits = rows.values("id", "code", name=F("full_name"), detail=F("program"))
    return Response({"results": [{"kind": "student", **hit} for hit in hits[:10]]})


urlpatterns = [
    path("bench/member", member_view),
    path("bench/ilike", ilike_view),
    path("bench/plain", plain_view),
    path("bench/mark", mark_view),
    path("bench/rest", rest_view),
    path("", include("campus.urls")),
]
