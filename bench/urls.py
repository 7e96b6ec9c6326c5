"""The platform's addresses and one trivial view: the baseline that ratios are taken against."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def insert(request: HttpRequest) -> HttpResponse:
    """One committed insert, behind the same middleware as everything else."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (body) VALUES (%s)", ["x" * 100])
    return HttpResponse("ok")


urlpatterns = [path("bench/insert", insert), path("", include("campus.urls"))]
