"""What is kept of a person's cards: that there were some, and when they were read."""

from apps.privacy.registry import PersonRows, add_impersonal, add_person_rows, of_student
from apps.terminals.models import Card, CardKey, CardTerminal, Punch


def register() -> None:
    add_person_rows(
        PersonRows(model=Card, rows=of_student(), deleted=True),
        PersonRows(model=Punch, rows=of_student(), deleted=True),
    )
    add_impersonal("of the campus alone", CardKey)
    add_impersonal("of a room, or of a session", CardTerminal)
