"""The pages of every table open for every role of the administration, and for their campus alone.

All on one campus on which something happened.
"""

import pytest
from django.contrib import admin
from django.db import models

from apps.audit.admin_base import HistoryAdmin
from apps.biometrics.models import FaceSample
from apps.cameras.models import UnknownPerson
from apps.imports.models import ImportAnswer
from apps.integrity.models import Finding
from apps.legacy.models import LegacyMove
from apps.privacy.models import ErasureRequest, SearchPermission
from apps.sessions.models import ClassSession
from apps.tenants.models import CampusModel
from apps.tenants.scope import campus_scope
from apps.terminals.models import Punch
from tests.admin.support import client_of, fill, url
from tests.conftest import Scene
from tests.factories import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_filled")]

TENANT = sorted(
    (model for model in admin.site._registry if issubclass(model, CampusModel)),
    key=lambda model: model._meta.label,
)


@pytest.fixture(scope="module")
def _filled(scene: Scene) -> None:
    scene(fill)


def test_something_happened_here_and_not_on_the_other_campus(cast: Cast, other_cast: Cast) -> None:
    found = []
    for campus in (cast.campus, other_cast.campus):
        with campus_scope(campus):
            found.append((ClassSession.objects.count(), Finding.objects.count()))
    assert found == [(1, 1), (0, 0)]


@pytest.mark.parametrize("model", TENANT, ids=lambda m: m._meta.label)
@pytest.mark.parametrize("who", ["admin", "operator", "principal"])
def test_lists_and_searches_open_for_every_role_of_the_administration(
    cast: Cast, model: type[models.Model], who: str
) -> None:
    client = client_of(cast, getattr(cast, who))
    assert client.get(url(model, "changelist")).status_code == 200
    assert client.get(url(model, "changelist"), {"q": "a 1"}).status_code == 200


@pytest.mark.parametrize("model", TENANT, ids=lambda m: m._meta.label)
def test_every_row_and_every_empty_form_opens(cast: Cast, model: type[models.Model]) -> None:
    client = client_of(cast, cast.admin)
    with campus_scope(cast.campus):
        row = model._default_manager.first()
    if row is not None:
        assert client.get(url(model, "change", row.pk)).status_code == 200
    added = client.get(url(model, "add")).status_code
    history = isinstance(admin.site._registry[model], HistoryAdmin)
    may_add = not history or model in (FaceSample, ErasureRequest, SearchPermission)
    may_add &= model not in (Punch, UnknownPerson)  # readers and cameras make them; people decide
    may_add &= model is not LegacyMove  # by administrators of the platform
    may_add &= model is not ImportAnswer  # given on the pages of uploads
    assert added == (200 if may_add else 403)


@pytest.mark.parametrize("model", TENANT, ids=lambda m: m._meta.label)
def test_another_campus_rows_are_neither_listed_nor_found(
    cast: Cast, other_cast: Cast, model: type[models.Model]
) -> None:
    with campus_scope(cast.campus):
        row = model._default_manager.first()
    if row is None:
        return
    south = client_of(other_cast, other_cast.admin)
    for page in ("change", "delete", "history"):
        answer = south.get(url(model, page, row.pk))
        assert answer.status_code in ((403, 404) if page == "delete" else (404,)), page
