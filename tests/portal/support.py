"""What tests of pages share: a signed-in client, and what no page may carry."""

import re

from django.test import Client

from apps.accounts.models import User
from apps.sessions.models import ClassSession
from tests.factories import Cast

INLINE = re.compile(rb"<style|\sstyle=|\son\w+=|<script(?![^>]*(src=|application/json))")


def client_of(cast: Cast, user: User | None) -> Client:
    client = Client(headers={"host": cast.host})
    if user is not None:
        client.force_login(user)
    return client


def page_of(session: ClassSession, page: str = "") -> str:
    return f"/teach/sessions/{session.pk}/{page}"
