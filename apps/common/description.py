"""The address of the API's description."""

from typing import Any

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView


class KeptGenerator(SchemaGenerator):
    """Makes the public description once per process and language: it takes seconds."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        if not public or self.patterns is not None or self.urlconf is not None:
            return super().get_schema(request=request, public=public)
        language = get_language() or ""
        if language not in _kept:
            _kept[language] = super().get_schema(request=None, public=True)
        return _kept[language]


_kept: dict[str, dict[str, Any]] = {}


class DescriptionView(SpectacularAPIView):
    """JSON unless YAML is asked for, which takes ten times as long to write."""

    renderer_classes = [
        OpenApiJsonRenderer,
        OpenApiJsonRenderer2,
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
    ]
    generator_class = KeptGenerator
