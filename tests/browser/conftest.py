"""A real Chromium against a live server; skipped where the machine has none."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from apps.demo.simulation.browser import find_chromium
from apps.notifications.channels.web_push import new_private_key
from apps.tenants.models import Domain
from tests.factories import PASSWORD, Cast, make_cast

CHROMIUM = find_chromium()
expect.set_options(timeout=15_000)  # ms: other tests keep the machine busy
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.fixture(scope="session", autouse=True)
def _orm_beside_the_browser() -> Iterator[None]:
    """Playwright's loop runs in the test's thread; the ORM is used from there on purpose."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": QUIET}


@pytest.fixture
def hall(transactional_db: None, context: BrowserContext) -> Iterator[Cast]:
    """Campus "north", reached at the live server's own host name.

    Pages that ask every second are left before the tables are emptied.
    """
    cast = make_cast("north")
    Domain.objects.create(campus=cast.campus, host="localhost")
    yield cast
    for page in context.pages:
        page.goto("about:blank")
    wait_for_quiet()


def wait_for_quiet() -> None:
    """Until no request is in the database any more, at most ten seconds."""
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state <> 'idle' AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(busy)
            if cursor.fetchone() == (0,):
                return


@pytest.fixture
def site(hall: Cast, live_server: LiveServer) -> str:
    return live_server.url


@pytest.fixture
def complaints(context: BrowserContext) -> list[str]:
    """Errors that pages wrote to the console, such as breaches of the content security policy."""
    seen: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            seen.append(message.text)

    context.on("console", note)
    return seen


def sign_in(page: Page, site: str, email: str) -> None:
    page.goto(f"{site}/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{site}/**")


@pytest.fixture
def _web_push(settings: Settings) -> None:
    settings.VAPID_PRIVATE_KEY = new_private_key()
    settings.VAPID_SUBJECT = "mailto:it@north.example"
