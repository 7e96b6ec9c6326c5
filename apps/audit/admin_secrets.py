"""A page of the administration that shows secrets, and that no browser keeps."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse


@dataclass(frozen=True, kw_only=True)
class ShownSecret:
    """Whose secret it is, and what is copied from the page, each with the words before it.

    `picture`: an SVG to be scanned.
    """

    name: str
    lines: Sequence[tuple[str, str]]
    picture: str = ""


def show_secrets(
    page: ModelAdmin,
    request: HttpRequest,
    *,
    title: str,
    said: str,
    secrets: Sequence[ShownSecret],
    back: str,
) -> HttpResponse:
    """`said`: what whoever has one can do; `back`: the words of the link to the list."""
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": title,
        "said": said,
        "secrets": secrets,
        "back": back,
        "list": reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"),
    }
    response = render(request, "admin/secrets.html", context)
    response["Cache-Control"] = "no-store"
    return response
