"""Numbers, contacts, languages, asked of the app that keeps them: this app knows users only."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

PhoneBook = Callable[[Collection[int]], dict[int, str]]


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A guardian or adviser who agreed to hear about a person. `id` is never 0."""

    id: int
    user_id: int  # the account of the person
    student: str  # that person's name
    email: str
    phone: str
    language: str


ContactBook = Callable[[Collection[int]], list[Contact]]
LanguageBook = Callable[[Collection[int]], dict[int, str]]

_books: list[PhoneBook] = []
_contact_books: list[ContactBook] = []
_language_books: list[LanguageBook] = []


def register_phone_book(book: PhoneBook) -> None:
    """`book(user_ids)` returns the international numbers it knows. Twice counts once."""
    if book not in _books:
        _books.append(book)


def register_contact_book(book: ContactBook) -> None:
    """`book(user_ids)` returns the contacts of these people who agreed. Twice counts once."""
    if book not in _contact_books:
        _contact_books.append(book)


def register_language_book(book: LanguageBook) -> None:
    """`book(user_ids)` returns languages that this campus chose for people. Twice counts once."""
    if book not in _language_books:
        _language_books.append(book)


def languages(user_ids: Collection[int]) -> dict[int, str]:
    """Language by user id, where the campus chose one; elsewhere the person's own holds."""
    return {user_id: code for book in _language_books for user_id, code in book(user_ids).items()}


def phone_numbers(user_ids: Collection[int]) -> dict[int, str]:
    """Number by user id; who has none is left out. The first book that knows somebody wins."""
    found: dict[int, str] = {}
    for book in reversed(_books):
        found.update(book(user_ids))
    return {user_id: number for user_id, number in found.items() if number}


def contacts(user_ids: Collection[int]) -> list[Contact]:
    """Everybody who agreed to hear about these people, whatever the campus thinks of that."""
    return [contact for book in _contact_books for contact in book(user_ids)]
