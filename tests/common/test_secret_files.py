"""NAME_FILE names a file with the secret."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from campus.settings.secret_files import SECRETS, read_secret_files


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_read_from_its_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("the value\n")
    environment = {f"{name}_FILE": str(file)}
    read_secret_files(environment)
    assert environment == {name: "the value"}


def test_both_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="which one"):
        read_secret_files({"SECRET_KEY": "x", "SECRET_KEY_FILE": str(tmp_path / "x")})


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE cannot be read"):
        read_secret_files({"SECRET_KEY_FILE": str(tmp_path / "x")})
