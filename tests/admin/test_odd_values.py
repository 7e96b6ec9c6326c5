"""Addresses and forms of the administration with values that nobody should send: no 5xx.

The size here fits the suite; `python -m bench.fuzz` runs the full one.
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import models, transaction
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Contact, Invitation, Membership
from apps.audit.models import Entry
from apps.enrollments.models import Course
from apps.learning.models import LearningSetting
from apps.oneroster.models import OneRosterConnection
from apps.privacy.models import PrivacyRules
from apps.sessions.models import ClassSession, SessionCourse
from apps.tenants.models import CampusModel
from apps.tenants.scope import campus_scope
from apps.timetable.models import SlotCourse, WeeklySlot
from apps.webhooks.models import WebhookEndpoint
from tests.admin.support import client_of, fields_of, url
from tests.admin.test_admin_queries import a_lot
from tests.factories import Cast, make_session
from tests.fuzzing import TEXTS

pytestmark = pytest.mark.django_db

SEED: Final = int(os.environ.get("FUZZ_SEED", "2026"))
FIELDS: Final = int(os.environ.get("FUZZ_FIELDS", "4"))  # of each table
REQUESTS: Final = int(os.environ.get("FUZZ_ADMIN", "120"))
MODELS: Final = sorted(
    (model for model in admin.site._registry if issubclass(model, CampusModel)),
    key=lambda model: model._meta.label,
)
VALUES: Final = [
    *(text.encode("utf-8", "replace").decode() for text in TEXTS if "\x00" not in text),
    *("(", "[", "1,2", "1,a", ",", "1e400", "sNaN", "9" * 400, "-", "on", "127.0.0.1", "[1]"),
]


@pytest.fixture
def full(cast: Cast, now: datetime) -> Cast:
    a_lot(cast.campus, range(2), now)
    return cast


@pytest.fixture
def client(full: Cast) -> Client:
    client = client_of(full, full.admin)
    client.raise_request_exception = False
    return client


def is_answered(client: Client, method: str, path: str, data: dict[str, Any]) -> bool:
    """Whether this was no server error; what it did is undone."""
    with transaction.atomic():
        status = getattr(client, method)(path, data).status_code
        transaction.set_rollback(True)
    cache.clear()
    return bool(status < 500)


def broken(client: Client, requests: list[tuple[str, str, dict[str, Any]]]) -> list[Any]:
    """Those of a random choice of these requests that end in a server error."""
    chosen = Random(SEED).sample(requests, min(REQUESTS, len(requests)))
    return [request for request in chosen if not is_answered(client, *request)]


def list_queries() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every comparison that Django knows of every declared filter, and what else a list reads."""
    for model in MODELS:
        names = ["q", "p", "o", "all", "e", "_to_field", "pk__in"]
        for item in admin.site._registry[model].list_filter:
            name = item[0] if isinstance(item, tuple) else item
            if not isinstance(name, str):  # a filter with a name of its own
                names += [name.parameter_name, f"{name.parameter_name}__exact"]
                continue
            field: Any = model._meta.get_field(name)
            names += [name, *(f"{name}__{lookup}" for lookup in field.get_lookups())]
            names += [f"{name}__id__{lookup}" for lookup in ("exact", "in", "range", "regex")]
            names += [f"{name}__date", f"{name}__time__gte", f"{name}__isempty"]
        page = url(model, "changelist")
        yield from (("get", page, {name: value}) for name in names for value in VALUES)


def actions() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for model in MODELS:
        known = admin.site._registry[model].actions or ()
        names = [action if isinstance(action, str) else action.__name__ for action in known]
        for name in (*names, "delete_selected", ""):
            for value in VALUES:
                chosen = {"action": name, "_selected_action": [value], "index": "0"}
                yield "post", url(model, "changelist"), chosen


def forms(client: Client, cast: Cast) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every form that opens, with one of its fields replaced; new rows also by their address."""
    for model in MODELS:
        with campus_scope(cast.campus):
            row = model._default_manager.order_by("-pk").first()
        pages = [url(model, "add"), *([url(model, "change", row.pk)] if row else [])]
        for page in pages:
            answer = client.get(page)
            if answer.status_code != 200 or "adminform" not in (answer.context or ()):
                continue
            sent = fields_of(answer)
            names = {*sent, *answer.context["adminform"].form.fields}
            for name in sorted(names):
                yield from (("post", page, {**sent, name: value}) for value in VALUES)
                yield from (("get", page, {name: value}) for value in VALUES[::4])


@pytest.mark.slow
def test_odd_queries_of_lists_are_no_server_errors(client: Client) -> None:
    assert broken(client, list(list_queries())) == []


def test_odd_choices_of_actions_are_no_server_errors(client: Client) -> None:
    assert broken(client, list(actions())) == []


@pytest.mark.slow
def test_odd_forms_are_no_server_errors(client: Client, full: Cast) -> None:
    assert broken(client, list(forms(client, full))) == []


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Invitation, {"role__regex": "["}),
        (Contact, {"relation__range": "Infinity"}),
        (Contact, {"relation__iregex": "\\"}),
    ],
    ids=str,
)
def test_comparisons_that_no_filter_offers_are_refused(
    client: Client, model: type[models.Model], query: dict[str, str]
) -> None:
    assert client.get(url(model, "changelist"), query).status_code == 400


def test_an_empty_form_begins_with_nothing_that_does_not_fit(client: Client) -> None:
    for moment in ("a", "9999-12-31T23:59:59Z", "2026-11-28T10:00"):
        page = client.get(url(ClassSession, "add"), {"starts_at": moment, "topic": "Sets"})
        assert page.status_code == 200
        assert page.context["adminform"].form["topic"].value() == "Sets"


def test_rows_that_cannot_be_are_ticked_in_vain(client: Client) -> None:
    for key in ("a", "9" * 5000, ""):
        ticked = {"action": "cancel", "_selected_action": [key], "index": "0"}
        assert client.post(url(ClassSession, "changelist"), ticked).status_code == 400


def test_actions_on_rows_that_are_gone_do_nothing(client: Client) -> None:
    """Every action, also on a whole list in which nothing is left."""
    for model in MODELS:
        known = admin.site._registry[model].actions or ()
        is_uuid = isinstance(model._meta.pk, models.UUIDField)
        gone = str(UUID(int=0)) if is_uuid else "999999999"
        for action in known:
            name = action if isinstance(action, str) else action.__name__
            ticked = {"action": name, "_selected_action": [gone], "index": "0"}
            assert is_answered(client, "post", url(model, "changelist"), ticked), (model, name)
    page = f"{url(Course, 'changelist')}?q=nothing-is-called-so"
    ticked = {"action": "generate_term", "_selected_action": ["1"], "index": "0"}
    assert is_answered(client, "post", page, {**ticked, "select_across": "1"})


def test_choices_are_looked_up_for_columns_alone(client: Client) -> None:
    """Not for the other ends of relations, which Django takes for columns."""
    statuses = set()
    for model in MODELS:
        for relation in model._meta.get_fields():
            if relation.one_to_many:
                named = {"model_name": model._meta.model_name, "field_name": relation.name}
                asked = {"app_label": model._meta.app_label, **named}
                statuses.add(client.get("/admin/autocomplete/", asked).status_code)
    assert statuses <= {403, 404}


def test_a_row_is_named_by_its_key_alone(client: Client) -> None:
    """Not by a column or other end of a relation, on which Django fails: some of each table's."""
    answers, random = set(), Random(SEED)
    for model in MODELS:
        fields = [one for one in model._meta.get_fields() if one.name != model._meta.pk.name]
        for field in random.sample(fields, min(FIELDS, len(fields))):
            asked = {"_popup": "1", "_to_field": field.name}
            answers.add(client.get(url(model, "changelist"), asked).status_code)
        asked = {"_popup": "1", "_to_field": model._meta.pk.name}
        assert client.get(url(model, "changelist"), asked).status_code in (200, 403), model
    assert answers <= {400, 403}


def test_there_is_no_way_to_a_row_by_its_table_and_key(client: Client) -> None:
    for table in (ContentType.objects.get_for_model(Entry).pk, "a", "9" * 40):
        for key in (UUID(int=0), "a", "9" * 40, "\u200b"):
            assert client.get(f"/admin/r/{table}/{key}/").status_code == 404


@pytest.mark.parametrize(("model", "name"), [(Contact, "student"), (Membership, "user")])
def test_a_choice_that_is_no_key_is_no_choice(
    client: Client, model: type[models.Model], name: str
) -> None:
    page = url(model, "add")
    assert client.get(page, {name: "a"}).status_code == 200
    answer = client.post(page, {name: "a"})
    assert answer.status_code == 200
    assert name in answer.context["adminform"].form.errors


@pytest.mark.parametrize("model", [WeeklySlot, ClassSession], ids=lambda model: model.__name__)
def test_rows_on_their_owners_page_are_those_of_the_database(
    client: Client, full: Cast, model: type[models.Model]
) -> None:
    """Whatever the form says of how many there are, and of their ids."""
    with campus_scope(full.campus):
        joint = SlotCourse.objects.select_related("slot").latest("pk")
        session = make_session(full.course, starts_at=timezone.now() + timedelta(days=99))
        row = joint.slot if model is WeeklySlot else session
        if model is ClassSession:
            SessionCourse.objects.create(session=session, course=full.other_course)
    page = url(model, "change", row.pk)
    sent = fields_of(client.get(page))
    named = [name for name in sent if name.endswith(("_FORMS", "-id", "-0-slot", "-0-session"))]
    assert len(named) >= 5
    requests = [("post", page, {**sent, name: text}) for name in named for text in VALUES[::12]]
    assert [request for request in requests if not is_answered(client, *request)] == []


def test_a_list_that_is_none_begins_no_form(cast: Cast) -> None:
    answer = client_of(cast, cast.admin).get(url(WebhookEndpoint, "add"), {"events": "null"})
    assert answer.status_code == 200


@pytest.mark.parametrize("model", [PrivacyRules, LearningSetting, OneRosterConnection])
def test_the_form_of_a_second_row_leads_to_the_only_one(cast: Cast, model: Any) -> None:
    named = (
        {} if model is not OneRosterConnection else {"name": "SIS", "url": "https://sis.example"}
    )
    with campus_scope(cast.campus):
        row = model.objects.create(**named)
    client = client_of(cast, cast.admin)
    for answer in (client.get(url(model, "add")), client.post(url(model, "add"), {"is_on": "on"})):
        assert (answer.status_code, answer["Location"]) == (302, url(model, "change", row.pk))
    page = client.get(url(model, "change", row.pk)).content.decode()
    assert "_continue" in page
    assert "_addanother" not in page
