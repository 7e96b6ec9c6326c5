"""What another transaction ended costs one more try, and nobody an error."""

import json
from typing import Any

import pytest
from celery import shared_task
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.utils import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.classrooms.models import Building
from apps.common.error_views import server_error
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import CampusTask
from tests.factories import Cast

CODE = {"state": "40P01", "times": 1}


def write_and_meet() -> None:
    """Write a row, then be the victim of a deadlock, as often as CODE says."""
    Building.objects.create(name=f"Hall {Building.objects.count()}")
    if CODE["times"]:
        CODE["times"] -= 1  # type: ignore[operator]
        with connection.cursor() as cursor:
            cursor.execute(
                f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{CODE['state']}'; END $$"
            )


@csrf_exempt
def page(request: HttpRequest) -> HttpResponse:
    upload = request.FILES.get("file")
    body = {"said": request.POST.get("said"), "file": upload.read().decode() if upload else None}
    write_and_meet()
    return JsonResponse(body)


@api_view(["POST"])
@permission_classes([AllowAny])
def operation(request: Request) -> Response:
    said = request.data
    write_and_meet()
    return Response(said)


urlpatterns = [path("page", page), path("operation", operation)]
handler500 = server_error
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def client(cast: Cast) -> Client:
    CODE.update(state="40P01", times=1)
    return Client(headers={"host": cast.host}, raise_request_exception=False)


def halls(cast: Cast) -> int:
    with campus_scope(cast.campus):
        return Building.objects.filter(name__startswith="Hall").count()


def test_an_operation_runs_once_more(cast: Cast, client: Client) -> None:
    answer = client.post("/operation", {"said": "all"}, content_type="application/json")
    assert (answer.status_code, json.loads(answer.content)) == (200, {"said": "all"})
    assert halls(cast) == 1


def test_a_page_reads_its_form_and_file_again(cast: Cast, client: Client) -> None:
    body = {"said": "all", "file": SimpleUploadedFile("a.txt", b"the whole file")}
    answer = client.post("/page", body)
    assert json.loads(answer.content) == {"said": "all", "file": "the whole file"}
    assert halls(cast) == 1


@pytest.mark.parametrize("address", ["/page", "/operation"])
def test_the_second_time_is_an_error(cast: Cast, client: Client, address: str) -> None:
    CODE["times"] = 2
    assert client.post(address, {}, content_type="application/json").status_code == 500
    assert halls(cast) == 0
    assert CODE["times"] == 0


@pytest.mark.parametrize("state", ["23505", "23503", "23P01"])
@pytest.mark.parametrize("address", ["/page", "/operation"])
def test_who_was_slower_with_what_is_there_once_looks_again(
    cast: Cast, client: Client, state: str, address: str
) -> None:
    CODE.update(state=state)
    assert client.post(address, {}, content_type="application/json").status_code == 200
    assert halls(cast) == 1
    CODE.update(times=2)
    assert client.post(address, {}, content_type="application/json").status_code == 500
    assert (halls(cast), CODE["times"]) == (1, 0)


@pytest.mark.parametrize("state", ["57014", "23514", "23502"])
def test_other_errors_are_not_tried_again(cast: Cast, client: Client, state: str) -> None:
    CODE.update(state=state, times=5)
    assert client.post("/operation", {}, content_type="application/json").status_code == 500
    assert CODE["times"] == 4


@pytest.mark.parametrize("address", ["/page", "/operation"])
def test_a_table_that_stays_locked_is_no_error_of_ours(
    cast: Cast, client: Client, address: str
) -> None:
    CODE.update(state="55P03", times=5)
    answer = client.post(address, {}, content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert (halls(cast), CODE["times"]) == (0, 4)


@shared_task(base=CampusTask)
def work() -> None:
    write_and_meet()


def test_a_task_runs_once_more(cast: Cast, client: Client) -> None:
    with campus_scope(cast.campus):
        headers = {"campus_id": cast.campus.pk}
    work.apply(headers=headers, throw=True)
    assert halls(cast) == 1


def test_a_task_fails_the_second_time(cast: Cast, client: Client) -> None:
    CODE["times"] = 2
    headers: dict[str, Any] = {"campus_id": cast.campus.pk}
    with pytest.raises(OperationalError):
        work.apply(headers=headers, throw=True)
    assert halls(cast) == 0
