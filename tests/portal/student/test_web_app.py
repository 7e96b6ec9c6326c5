"""The web app manifest and its icons."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image

from tests.factories import Cast
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db


def manifest(host: str) -> dict[str, Any]:
    answer = Client(headers={"host": host}).get("/manifest.webmanifest")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/manifest+json"
    found: dict[str, Any] = json.loads(answer.content)
    return found


def picture(src: str) -> Image.Image:
    path = finders.find(src.removeprefix("/static/"))
    return Image.open(Path(str(path)))


def test_each_campus_has_its_own(cast: Cast, other_cast: Cast) -> None:
    assert manifest(cast.host)["name"] == cast.campus.name
    assert manifest(other_cast.host)["name"] == other_cast.campus.name


def test_icons_are_what_it_says(cast: Cast) -> None:
    icons = manifest(cast.host)["icons"]
    for icon in icons:
        with picture(icon["src"]) as image:
            width, height = image.size
        assert icon["sizes"] == f"{width}x{height}"
    assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in icons}


def test_a_maskable_icon_is_coloured_to_its_corners(cast: Cast) -> None:
    for path in ("img/app/maskable-512.png", "img/app/apple-touch-icon.png"):
        with picture(path).convert("RGBA") as image:
            side = image.width - 1
            corners = [image.getpixel(at) for at in ((0, 0), (side, 0), (0, side), (side, side))]
        assert set(corners) == {(0x3F, 0x4F, 0xC4, 255)}, path


def test_its_pages_exist(cast: Cast) -> None:
    found = manifest(cast.host)
    client = client_of(cast, cast.student.user)
    assert client.get(found["start_url"], follow=True).status_code == 200
    assert [shortcut["url"] for shortcut in found["shortcuts"]] == ["/c", "/week/"]


def test_pages_of_students_link_it(cast: Cast) -> None:
    text = client_of(cast, cast.student.user).get("/home/").content.decode()
    assert '<link rel="manifest" href="/manifest.webmanifest">' in text
    assert 'rel="apple-touch-icon"' in text
    assert text.count('name="theme-color"') == 2


def test_an_unknown_host_has_none() -> None:
    answer = Client(headers={"host": "nowhere.example"}).get("/manifest.webmanifest")
    assert answer.status_code == 404
