"""What every format is read into, and what can be wrong with it. Imports nothing of the project:
files are read in a process of its own (`child`)."""

import codecs
import re
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any, Final

MOST_ROWS: Final = 50_000
LONGEST: Final = 200  # characters of any text that is kept
CODINGS: Final = ("utf-8-sig", "cp1252")
WEEKDAYS: Final = (
    ("monday", "montag", "mo"),
    ("tuesday", "dienstag", "di"),
    ("wednesday", "mittwoch", "mi"),
    ("thursday", "donnerstag", "do"),
    ("friday", "freitag", "fr"),
    ("saturday", "samstag", "sa", "sonnabend"),
    ("sunday", "sonntag", "so"),
)
DAY: Final = timedelta(days=1)


class Unreadable(Exception):
    """The whole file says nothing: `code` says why, `value` is what was found."""

    def __init__(self, code: str, value: str = "") -> None:
        super().__init__(code)
        self.code, self.value = code, value


@dataclass(frozen=True, kw_only=True)
class FeedRow:
    """One lesson as the file says it. It meets in one of three ways: at `moments` (start and end in
    UTC), on `dates` from `starts` to `ends`, or every `weekday` from `first` to `last`.

    `key` names the lesson in the file from one export to the next. `cycle` has a 1 for each week of
    a recurring cycle in which it meets, the first one an odd week. `original` is the day on which
    one meeting of a series would have been; empty where the lesson is one meeting.
    """

    place: str
    key: str
    course: str
    also_called: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    weekday: int = 0
    starts: str = ""
    ends: str = ""
    ends_of_lab: str = ""
    cycle: str = "1"
    first: str = ""
    last: str = ""
    dates: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    original: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class FileTrouble:
    """Something in the file that is left out: where, what, the value that was found, and the key
    of the lesson, of which nothing is known then."""

    place: str
    code: str
    value: str = ""
    key: str = ""


@dataclass
class FileRows:
    """Everything that a file says. `period`: first and last day that it says it covers."""

    rows: list[FeedRow] = field(default_factory=list)
    troubles: list[FileTrouble] = field(default_factory=list)
    period: tuple[str, str] | None = None

    def add(self, row: FeedRow) -> None:
        if len(self.rows) >= MOST_ROWS:
            raise Unreadable("too_many", str(MOST_ROWS))
        self.rows.append(row)

    def skip(self, place: str, code: str, value: str = "", key: str = "") -> None:
        """`key` where the lesson may take place all the same."""
        if len(self.troubles) >= MOST_ROWS:
            raise Unreadable("too_many", str(MOST_ROWS))
        self.troubles.append(FileTrouble(place, code, short(value), key))


@dataclass(frozen=True)
class Options:
    """What a person said about the files of a feed, and the days that it covers."""

    first: date
    last: date
    zone: str = "UTC"
    days: dict[str, int] = field(default_factory=dict)  # their name → ISO weekday
    periods: dict[str, tuple[str, str]] = field(default_factory=dict)  # their name → from, until
    first_weekday: int = 1  # of masks of days
    term: int = 1  # of masks of terms, counted from 1

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Options":
        periods = {name: (span[0], span[1]) for name, span in given.pop("periods", {}).items()}
        first, last = (date.fromisoformat(given.pop(name)) for name in ("first", "last"))
        return cls(first=first, last=last, periods=periods, **given)

    def weekday(self, name: str) -> int:
        """0 where the name means no day that is known."""
        plain = name.strip().casefold().strip(".")
        if plain in self.days:
            return self.days[plain]
        hits = {
            number
            for number, names in enumerate(WEEKDAYS, start=1)
            if plain in names or (len(plain) > 2 and any(day.startswith(plain) for day in names))
        }
        return hits.pop() if len(hits) == 1 else 0


def short(text: str) -> str:
    """On one line, without NUL, at most `LONGEST` characters."""
    return " ".join(text.replace("\0", " ").split())[:LONGEST]


def decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    for coding in CODINGS:
        try:
            return data.decode(coding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


CLOCK: Final = re.compile(r"(?<!\d)(\d{1,2})[:.hH](\d{2})(?!\d)")


def clocks(text: str) -> list[str]:
    """Every time of day in a text, as HH:MM."""
    found = [(int(hour), int(minute)) for hour, minute in CLOCK.findall(text)]
    return [f"{hour:02}:{minute:02}" for hour, minute in found if hour < 24 and minute < 60]


def packed_clock(text: str) -> str:
    """ "0930", "930" or "9:30" as HH:MM; "" for anything else."""
    text = text.strip()
    if re.fullmatch(r"\d{3,4}", text):
        text = f"{text[:-2]}:{text[-2:]}"
    found = clocks(text)
    return found[0] if len(found) == 1 else ""


def minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


class Grid:
    """The periods of a day, in their order: when each begins and ends.

    A person may have said so; else the name or the file's own times do. A period that only begins
    ends when the next one begins, the last one after as long as the one before it.
    """

    def __init__(self, names: list[str], options: Options, times: dict[str, str] | None = None):
        self.names = names
        self._spans: dict[str, tuple[str, str]] = {}
        starts: dict[str, str] = {}
        for name in names:
            plain = name.strip().casefold()
            if plain in options.periods:
                self._spans[name] = options.periods[plain]
                continue
            found = clocks((times or {}).get(name, "") or name)
            if len(found) >= 2:
                self._spans[name] = (found[0], found[1])
            elif found:
                starts[name] = found[0]
        self._close(starts)

    def _close(self, starts: dict[str, str]) -> None:
        known = sorted({*starts.values(), *(span[0] for span in self._spans.values())})
        for name, begins in starts.items():
            later = [clock for clock in known if clock > begins]
            earlier = [clock for clock in known if clock < begins]
            if later:
                self._spans[name] = (begins, later[0])
                continue
            length = minutes(begins) - minutes(earlier[-1]) if earlier else 60
            ends = min(minutes(begins) + length, 24 * 60 - 1)
            self._spans[name] = (begins, f"{ends // 60:02}:{ends % 60:02}")

    def span(self, name: str, length: int = 1) -> tuple[str, str] | None:
        """From and until, over that many periods; None where one of them is not known."""
        if name not in self.names or not 0 < length <= len(self.names):
            return None
        at = self.names.index(name)
        over = self.names[at : at + length]
        if len(over) < length or any(part not in self._spans for part in over):
            return None
        return self._spans[over[0]][0], self._spans[over[-1]][1]
