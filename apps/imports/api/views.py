"""Imports over REST, for administrators and operators: upload, look, commit."""

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import has_role
from apps.accounts.models import Role
from apps.accounts.requests import request_user
from apps.accounts.writes import Writer
from apps.audit.actors import request_actor
from apps.common.api import Pages, download, paged, throttle
from apps.common.errors import NotFound, Refused
from apps.common.schema import conflict
from apps.import_types.registry import IMPORT_TYPES, import_type_named, import_types_for
from apps.imports.api.serializers import (
    AnswersInput,
    CommitInput,
    ImportOutput,
    ImportRow,
    KindOutput,
    MappingInput,
    UploadInput,
)
from apps.imports.models import ImportRun
from apps.imports.selectors import import_run, import_runs, is_busy
from apps.imports.services import (
    import_answer,
    import_cancel,
    import_commit,
    import_remap,
    import_upload,
)
from apps.imports.services.files import file_read
from apps.imports.workbooks import template_workbook

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILE = {(200, XLSX): OpenApiTypes.BINARY}
CanImport = has_role(Role.ADMIN, Role.OPERATOR)


def workbook(data: bytes, name: str) -> HttpResponse:
    """A download. The name is ours, never the uploader's."""
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(data, content_type=XLSX, headers={"Content-Disposition": disposition})


@extend_schema(methods=["GET"], operation_id="imports_list", responses={200: ImportRow(many=True)})
@extend_schema(
    methods=["POST"],
    operation_id="imports_upload",
    request={"multipart/form-data": UploadInput},
    responses={202: ImportOutput},
)
@paged
@api_view(["GET", "POST"])
@permission_classes([CanImport])
@throttle_classes([throttle("import")])
def import_list(request: Request) -> Response:
    """The campus's imports, newest first; or upload one, which is checked at once (202)."""
    if request.method == "GET":
        pages = Pages()
        page = pages.paginate_queryset(import_runs(), request)
        return pages.get_paginated_response(ImportRow(page, many=True).data)
    data = UploadInput(data=request.data)
    data.is_valid(raise_exception=True)
    given = data.validated_data
    run = import_upload(
        kind=given["kind"],
        filename=given["file"].name,
        data=given["file"].read(),
        options=given.get("options", {}),
        user_id=request_user(request).pk,
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(ImportOutput(run).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(operation_id="imports_kinds", responses={200: KindOutput(many=True)})
@api_view(["GET"])
@permission_classes([CanImport])
def kind_list(request: Request) -> Response:
    """The types of import that your role may use, with their columns."""
    return Response(KindOutput(import_types_for(Writer(request.user)), many=True).data)


@extend_schema(operation_id="imports_template", responses=FILE)
@download
@api_view(["GET"])
@permission_classes([CanImport])
def template(request: Request, kind: str) -> HttpResponse:
    """A workbook to fill in, with an example row and a note on every column."""
    if kind not in IMPORT_TYPES or IMPORT_TYPES[kind].bundle:
        raise NotFound("unknown_kind", _("There is no such kind of import."))
    return workbook(template_workbook(import_type_named(kind)), f"{kind}.xlsx")


@extend_schema(operation_id="imports_get", responses={200: ImportOutput})
@api_view(["GET"])
@permission_classes([CanImport])
def import_detail(request: Request, run_id: int) -> Response:
    """How far it is, what it found, and the first 500 wrong rows."""
    return Response(ImportOutput(import_run(run_id=run_id)).data)


@extend_schema(
    operation_id="imports_mapping",
    request=MappingInput,
    responses={202: ImportOutput, **conflict("import_busy", "import_not_ready")},
)
@api_view(["PUT"])
@permission_classes([CanImport])
def mapping(request: Request, run_id: int) -> Response:
    """Say what the columns mean and check again."""
    data = MappingInput(data=request.data)
    data.is_valid(raise_exception=True)
    run = import_remap(
        run=_idle(run_id),
        mapping=data.validated_data["mapping"],
        options=dict(data.validated_data["options"]),
        user_id=request_user(request).pk,
        now=timezone.now(),
    )
    return Response(ImportOutput(run).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(
    operation_id="imports_answers",
    request=AnswersInput,
    responses={202: ImportOutput, **conflict("import_busy", "import_not_ready")},
)
@api_view(["PUT"])
@permission_classes([CanImport])
def answers(request: Request, run_id: int) -> Response:
    """Answer what the file leaves open and check again. Answers are remembered for the next file
    of this kind; null forgets one."""
    run = _idle(run_id)
    data = AnswersInput(data=request.data)
    data.is_valid(raise_exception=True)
    run = import_answer(
        run=run,
        answers=data.validated_data["answers"],
        user_id=request_user(request).pk,
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(ImportOutput(run).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(
    operation_id="imports_commit",
    request=CommitInput,
    responses={
        202: ImportOutput,
        **conflict(
            "import_busy",
            "import_not_ready",
            "questions_open",
            "removal_not_confirmed",
            "checked_with_other_rights",
            "checked_again",
        ),
    },
)
@api_view(["POST"])
@permission_classes([CanImport])
def commit(request: Request, run_id: int) -> Response:
    """Save a checked import, in one transaction. Wrong rows are left out and stay listed."""
    data = CommitInput(data=request.data)
    data.is_valid(raise_exception=True)
    run = import_commit(
        run=_idle(run_id),
        removed=data.validated_data["removed"],
        check=data.validated_data.get("check"),
        user_id=request_user(request).pk,
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(ImportOutput(run).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(
    operation_id="imports_cancel",
    request=None,
    responses={202: ImportOutput, **conflict("job_finished")},
)
@api_view(["POST"])
@permission_classes([CanImport])
def cancel(request: Request, run_id: int) -> Response:
    """Stop the check or the saving that is under way; nothing of it stays."""
    run = import_run(run_id=run_id)
    import_cancel(
        run=run,
        user_id=request_user(request).pk,
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(ImportOutput(import_run(run_id=run_id)).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(operation_id="imports_errors", responses=FILE)
@download
@api_view(["GET"])
@permission_classes([CanImport])
def marked(request: Request, run_id: int) -> HttpResponse:
    """The uploaded table with every wrong row coloured and its problems in a last column."""
    run = import_run(run_id=run_id)
    if not run.marked_as:
        raise NotFound("nothing_wrong", _("This import has no wrong rows, or they were deleted."))
    return workbook(file_read(run.marked_as), f"import-{run.pk}-errors.xlsx")


def _idle(run_id: int) -> ImportRun:
    run = import_run(run_id=run_id)
    if is_busy(run):
        raise Refused("import_busy", _("A worker is still busy with this import."))
    return run
