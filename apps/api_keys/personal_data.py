"""A key is of the person whose rights it has, and goes with them."""

from apps.api_keys.models import ApiKey
from apps.privacy.registry import PersonRows, add_person_rows, of_user


def register() -> None:
    add_person_rows(PersonRows(model=ApiKey, rows=of_user(), withheld=("lookup",), deleted=True))
