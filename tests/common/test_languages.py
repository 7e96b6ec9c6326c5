"""Only languages with a complete catalogue are offered, and nobody gets half of another one."""

import re
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import Client

from apps.accounts.admin.forms import ContactForm, UserForm
from apps.accounts.models import User
from apps.common.languages import every_language_has_a_catalogue, spoken, translated
from apps.notifications.rendering import in_language
from tests.accounts.support import ME, signed_in
from tests.admin.support import client_of
from tests.factories import Cast

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "locale"
HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
OVERRIDE = re.compile(r"translation\.(?:override|activate)\((?!spoken\()")

pytestmark = pytest.mark.skipif(
    shutil.which("xgettext") is None, reason="needs gettext: apt-get install gettext"
)


@pytest.fixture(scope="module")
def source_ids(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every text of our own source that can be translated."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("apps", "campus", "templates"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "locale").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(django_settings, "LOCALE_PATHS", [str(folder / "locale")])
        call_command("makemessages", locale=["nl"], symlinks=True, verbosity=0)
    catalogue = folder / "locale" / "nl" / "LC_MESSAGES" / "django.po"
    filled = catalogue.with_name("filled.po")
    # Each text as its own translation: what gettext then compiles are the ids.
    subprocess.run(["msgen", "--force-po", "-o", filled, catalogue], check=True)
    subprocess.run(["msgfmt", "-o", catalogue.with_suffix(".mo"), filled], check=True)
    return translated("nl", folder=folder / "locale")


def test_the_texts_of_the_source_are_found(source_ids: set[str]) -> None:
    assert len(source_ids) > 1000
    assert "Too many attempts. Wait a minute and try again." in source_ids
    assert "Choose a password" in source_ids  # of a template
    assert "Welcome to %(campus)s" in source_ids  # marked where it stands, translated elsewhere


def untranslated(language: str, *, ids: Collection[str], folder: Path) -> list[str]:
    """Those of `ids` that a reader of this language would see in English, sorted."""
    return sorted(set(ids) - translated(language, folder=folder))


def test_every_offered_language_is_complete(source_ids: set[str]) -> None:
    missing = {
        code: untranslated(code, ids=source_ids, folder=LOCALE)[:10]
        for code, _name in django_settings.LANGUAGES
        if code != django_settings.LANGUAGE_CODE
    }
    assert {code: texts for code, texts in missing.items() if texts} == {}


def test_no_text_is_marked_by_a_name_that_gettext_does_not_know() -> None:
    """`makemessages` looks for these names; a text behind another one stays English."""
    pattern = r"import ((?:[np]+)?gettext\w*) as (\w+)"
    found = {
        (name, alias)
        for path in (ROOT / "apps").rglob("*.py")
        for name, alias in re.findall(pattern, path.read_text())
    }
    assert found == {("gettext", "_"), ("gettext_lazy", "_")}


@pytest.mark.parametrize("path", sorted(LOCALE.glob("*/LC_MESSAGES/django.po")), ids=str)
def test_a_compiled_catalogue_is_that_of_its_source(path: Path, tmp_path: Path) -> None:
    """After a change of the source: `make translations`. Placeholders must be those of English."""
    made = tmp_path / "django.mo"
    subprocess.run(["msgfmt", "--check-format", "-o", made, path], check=True)
    assert made.read_bytes() == path.with_suffix(".mo").read_bytes()


def test_a_german_browser_gets_german(cast: Cast) -> None:
    browser = Client(headers={"host": cast.host, "accept-language": "de-AT,de;q=0.9"})
    page = browser.get("/accounts/login/")
    assert page["Content-Language"] == "de"
    assert 'lang="de"' in page.text
    assert "Anmelden" in page.text
    assert "Sign in" not in page.text


def catalogue(folder: Path, *translations: tuple[str, str], fuzzy: bool = False) -> None:
    target = folder / "de" / "LC_MESSAGES"
    target.mkdir(parents=True, exist_ok=True)
    mark = "#, fuzzy\n" if fuzzy else ""
    entries = [f'{mark}msgid "{text}"\nmsgstr "{other}"\n' for text, other in translations]
    (target / "django.po").write_text(HEADER + "\n".join(entries))
    subprocess.run(["msgfmt", "-o", target / "django.mo", target / "django.po"], check=True)


def test_missing_empty_and_fuzzy_texts_are_untranslated(tmp_path: Path) -> None:
    ids = ["Save", "Room", "Sign out"]
    assert untranslated("de", ids=ids, folder=tmp_path) == sorted(ids)
    catalogue(tmp_path, ("Save", "Sichern"), ("Room", ""))
    assert untranslated("de", ids=ids, folder=tmp_path) == ["Room", "Sign out"]
    catalogue(tmp_path, ("Save", "Sichern"), fuzzy=True)
    assert untranslated("de", ids=ids, folder=tmp_path) == sorted(ids)
    catalogue(tmp_path, ("Save", "Sichern"), ("Room", "Raum"), ("Sign out", "Abmelden"))
    assert untranslated("de", ids=ids, folder=tmp_path) == []


def test_a_start_with_a_language_without_catalogue_is_refused(
    settings: Any, tmp_path: Path
) -> None:
    assert every_language_has_a_catalogue() == []
    settings.LOCALE_PATHS = [tmp_path]
    assert [error.id for error in every_language_has_a_catalogue()] == ["campus.E101"]
    catalogue(tmp_path, ("Save", "Sichern"))
    assert every_language_has_a_catalogue() == []


@pytest.mark.parametrize("asked", ["ar", "nl", "nl-BE,nl;q=0.9", "fr", "zz", "ar;q=1, en;q=0.1"])
@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/", "/nothing"])
def test_a_browser_of_another_language_gets_english(cast: Cast, asked: str, path: str) -> None:
    """django.contrib.auth and allauth have both of them: neither may slip in."""
    plain = Client(headers={"host": cast.host}).get(path)
    browser = Client(headers={"host": cast.host, "accept-language": asked})
    browser.cookies[django_settings.LANGUAGE_COOKIE_NAME] = asked[:2]
    page = browser.get(path)
    token = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"|<code>[0-9a-f]{32}</code>')
    assert token.sub(b"", page.content) == token.sub(b"", plain.content)
    assert b'lang="en"' in page.content
    assert b'dir="ltr"' in page.content
    assert page["Content-Language"] == "en"


def test_an_api_answer_is_english_too(cast: Cast) -> None:
    phone = signed_in(cast.host, cast.student.email)
    answer = phone.post("/api/v1/me/device", {}, headers={"accept-language": "nl"})
    assert answer.json()["errors"][0]["detail"] == "This field is required."


@pytest.mark.parametrize("code", ["ar", "nl", "xx", "", None])
def test_languages_that_are_not_offered_are_english(code: str | None) -> None:
    assert spoken(code) == "en"
    shown = in_language(kind="test", title="Save", body="", data={}, language=code or "")
    assert shown == ("Save", "")


def test_accounts_that_chose_one_before_go_on(cast: Cast) -> None:
    user = cast.student.user
    assert user is not None
    User.objects.filter(pk=user.pk).update(language="ar")
    phone = signed_in(cast.host, user.email)
    assert phone.get(ME).json()["user"]["language"] == ""
    form = client_of(cast, cast.admin).get(f"/admin/accounts/user/{user.pk}/change/")
    assert form.status_code == 200


@pytest.mark.parametrize("form", [UserForm, ContactForm])
def test_only_offered_languages_can_be_chosen(form: Any) -> None:
    field = form.base_fields["language"]
    assert [code for code, _label in field.choices] == ["", "en", "de"]


# Names of days and months that files have: looked up in many languages, shown in none of them.
READ: Final = {"apps/tabular_files/languages.py"}


def test_nothing_switches_to_a_language_without_asking() -> None:
    switching = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "apps").rglob("*.py")
        if OVERRIDE.search(path.read_text())
    ]
    assert set(switching) == READ
