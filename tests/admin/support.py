"""What the tests of the administration share."""

from typing import Any

from django.db import models
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from tests.factories import Cast


def url(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def client_of(cast: Cast, user: User) -> Client:
    client = Client(headers={"host": cast.host})
    client.force_login(user)
    return client


def fields_of(page: Any) -> dict[str, Any]:
    """What the browser would send back if the form of this page were saved as it is."""
    forms = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    sent: dict[str, Any] = {}
    for form in forms:
        for bound in form:
            value = bound.value()
            if value is not None and value is not False:
                sent[bound.html_name] = "on" if value is True else value
    return sent
