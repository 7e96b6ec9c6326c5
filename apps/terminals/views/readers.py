"""Where readers of ZKTeco and Hikvision send what they read, in their own words."""

from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address, ip_network
from itertools import islice
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.common.errors import Refused
from apps.common.http import client_address
from apps.common.strict_json import UnreadableJSON, loads
from apps.common.texts import is_storable
from apps.tenants.middleware import request_campus
from apps.terminals.adapters import adms, hikvision
from apps.terminals.models import CardTerminal
from apps.terminals.reading import drift_of
from apps.terminals.selectors import terminal_by_serial, terminal_by_token
from apps.terminals.services.cards import card_key_needed
from apps.terminals.services.punches import MOST, PunchInput, punches_take
from apps.terminals.services.terminals import terminal_heard, terminal_stamp_note

MOST_LINES: Final = 5000  # of one request
Answer = Callable[[HttpRequest, CardTerminal], str]


def _text(text: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)


# --- ZKTeco ----------------------------------------------------------------------------------


def _adms(answer: Answer) -> Callable[..., HttpResponse]:
    """For registered readers: by a token in the path, else by the network that they are in."""

    @wraps(answer)
    @csrf_exempt
    @require_http_methods(["GET", "POST"])
    def view(request: HttpRequest, token: str = "") -> HttpResponse:
        terminal = _known_reader(request, token)
        if terminal is None:
            return _text("UNKNOWN DEVICE\n", status=403)
        terminal_heard(terminal=terminal, now=timezone.now())
        try:
            return _text(answer(request, terminal))
        except Refused as refusal:
            return _text(f"{refusal.message}\n", status=refusal.status)

    return view


def _known_reader(request: HttpRequest, token: str) -> CardTerminal | None:
    """The reader that this request is from. Its serial number stands on the housing and proves
    nothing: it comes with the token, or from the network that was written down for it."""
    serial_number, now = request.GET.get("SN", "")[:64], timezone.now()
    if token:
        terminal = terminal_by_token(token, now=now, kinds=[CardTerminal.Kind.ADMS])
        return terminal if terminal and terminal.serial_number == serial_number else None
    terminal = terminal_by_serial(serial_number, now=now)
    return terminal if terminal and _is_inside(request, terminal.network) else None


def _is_inside(request: HttpRequest, network: str) -> bool:
    address = client_address(request)
    if not network or address is None:
        return False
    return ip_address(address) in ip_network(network, strict=False)


@_adms
def adms_data(request: HttpRequest, terminal: CardTerminal) -> str:
    """GET: what to send. POST: what was read; everything else that readers send is left unread."""
    if request.method == "GET":
        return adms.options_text(terminal.serial_number, stamp=terminal.stamp)
    table = request.GET.get("table", "")
    readers = {adms.ATTENDANCE: adms.attendance_lines, adms.EVENTS: adms.event_lines}
    if table not in readers:
        return "OK\n"
    now = timezone.now()
    lines = readers[table](
        request.body.decode(errors="replace"),
        zone=request_campus(request).zone,
        key=card_key_needed(now=now),
    )
    read = list(islice(lines, MOST_LINES + 1))
    if len(read) > MOST_LINES:
        raise Refused("too_large", "Send fewer lines at once.", status=413)
    by_kind: dict[str, list[PunchInput]] = defaultdict(list)
    for kind, punch in read:
        by_kind[kind].append(punch)
    for kind, punches in by_kind.items():
        for first in range(0, len(punches), MOST):
            some = punches[first : first + MOST]
            punches_take(terminal=terminal, punches=some, now=now, kind=kind)
    stamp = request.GET.get("Stamp", "")
    if table == adms.ATTENDANCE and stamp.isascii() and stamp.isdecimal():
        terminal_stamp_note(terminal=terminal, stamp=stamp)
    return f"OK: {len(read)}\n"


@_adms
def adms_idle(request: HttpRequest, terminal: CardTerminal) -> str:
    """The reader asks what it is to do, or says what it did: we never tell it anything."""
    return "OK\n"


@_adms
def adms_registry(request: HttpRequest, terminal: CardTerminal) -> str:
    """A door controller signs on; its code is only repeated to us."""
    return f"RegistryCode={terminal.lookup}\n"


@_adms
def adms_push(request: HttpRequest, terminal: CardTerminal) -> str:
    """A door controller asks what to send."""
    return adms.controller_text()


# --- Hikvision -------------------------------------------------------------------------------


@csrf_exempt
@require_http_methods(["POST"])
def hikvision_events(request: HttpRequest, token: str) -> HttpResponse:
    """One notification. What is no reading of a card is answered and forgotten."""
    now = timezone.now()
    terminal = terminal_by_token(token, now=now, kinds=[CardTerminal.Kind.HIKVISION])
    if terminal is None:
        return _text("UNKNOWN DEVICE\n", status=403)
    notice = hikvision.read_notice(_sent_json(request))
    drift = drift_of(notice.clock, now=now)
    if notice.punch is None:
        terminal_heard(terminal=terminal, now=now, drift_seconds=drift)
    else:
        punches_take(terminal=terminal, punches=[notice.punch], now=now, kind=notice.kind)
    return _text("OK\n")


def _sent_json(request: HttpRequest) -> Any:
    """The body, or the first part of a form that is JSON; None for anything else."""
    try:
        if request.content_type != "multipart/form-data":
            return loads(request.body)
        files: Any = request.FILES.values()
        texts = [*request.POST.values(), *(file.read() for file in files)]
        for text in texts:
            raw = text if isinstance(text, bytes) else str(text).encode()
            if raw.lstrip()[:1] == b"{" and is_storable(raw.decode(errors="replace")):
                return loads(raw)
    except UnreadableJSON:
        return None
    return None
