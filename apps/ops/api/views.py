"""What apps ask before anything else."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.ops.versions import API_VERSIONS, campus_version


class VersionOutput(serializers.Serializer[Any]):
    version = serializers.CharField(help_text="Of Campus, as in its changelog: 0.2.0.")
    api = serializers.ListField(child=serializers.CharField(), help_text="Served below /api/.")


class VersionView(APIView):
    """Strangers are not told: a version says which known flaws an installation has."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        operation_id="version", tags=["platform"], summary="Version", responses=VersionOutput
    )
    def get(self, _request: Request) -> Response:
        return Response({"version": campus_version(), "api": list(API_VERSIONS)})
