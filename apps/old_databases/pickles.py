"""What a pickle says, without running it: arrays, texts, numbers, lists, tuples and dictionaries.

Unpickling runs what the file asks for. Here its opcodes are read one by one; names of functions
are compared with a short list and never looked up, calls give an `ArraySeen` or nothing, and
everything else is refused.
"""

import pickletools
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid

MAX_BYTES: Final = 256 * 2**20
MAX_OPCODES: Final = 5_000_000
MAX_ITEMS: Final = 5_000_000  # of everything that is on the stack or remembered

_PLAIN: Final = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMPY: Final = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric")
_KNOWN: Final = {
    *((module, "_reconstruct") for module in _NUMPY),
    *((module, "scalar") for module in _NUMPY),
    *((module, "_frombuffer") for module in ("numpy.core.numeric", "numpy._core.numeric")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how protocol 2 writes bytes
}
_MARK: Final = object()


@dataclass
class ArraySeen:
    """An array by its shape; its numbers are not read."""

    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Name:
    module: str
    name: str


@dataclass
class _Called:
    """What a known name would have made: a type of numbers, a number, bytes."""

    name: str


def pickle_read(path: Path) -> Any:
    """The content of a pickle file. Raises `Invalid` for what is more than data, or too large."""
    if path.stat().st_size > MAX_BYTES:
        raise Invalid("source_too_large", _("Pickle files of up to 256 MB are read."))
    return pickle_parse(path.read_bytes())


def pickle_parse(data: bytes) -> Any:
    reader = _Reader()
    try:
        for count, (opcode, argument, _place) in enumerate(pickletools.genops(BytesIO(data))):
            if count > MAX_OPCODES or len(reader.stack) + len(reader.memo) > MAX_ITEMS:
                raise _refused(_("it is too large"))
            if opcode.name == "STOP":
                return reader.stack.pop()
            reader.step(opcode.name, argument)
    except Invalid:
        raise
    except Exception as error:  # whatever a made-up file breaks: it is no pickle of ours
        raise _refused(type(error).__name__) from error
    raise _refused(_("it ends early"))


def _refused(why: str) -> Invalid:
    message = _("A pickle file holds more than data, or is damaged (%(why)s); it is not read.")
    return Invalid("pickle_refused", message % {"why": why})


class _Reader:
    """A stack and what is remembered: Python's own machine without anything that acts."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _PLAIN:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif (act := getattr(self, f"_{name.lower()}", None)) is not None:
            act(argument)
        else:
            raise _refused(name)

    def _proto(self, _argument: Any) -> None:
        """The version and the frames of newer ones say nothing."""

    _frame = _proto

    def _mark(self, _argument: Any) -> None:
        self.stack.append(_MARK)

    def _marked(self) -> list[Any]:
        """What lies above the last mark, and the mark with it."""
        place = len(self.stack) - 1 - self.stack[::-1].index(_MARK)
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def _empty_list(self, _argument: Any) -> None:
        self.stack.append([])

    def _empty_dict(self, _argument: Any) -> None:
        self.stack.append({})

    def _empty_tuple(self, _argument: Any) -> None:
        self.stack.append(())

    def _list(self, _argument: Any) -> None:
        self.stack.append(self._marked())

    def _tuple(self, _argument: Any) -> None:
        self.stack.append(tuple(self._marked()))

    def _dict(self, _argument: Any) -> None:
        items = self._marked()
        self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def _taken(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.stack.append(items)

    def _tuple1(self, _argument: Any) -> None:
        self._taken(1)

    def _tuple2(self, _argument: Any) -> None:
        self._taken(2)

    def _tuple3(self, _argument: Any) -> None:
        self._taken(3)

    def _append(self, _argument: Any) -> None:
        item = self.stack.pop()
        self._into(list).append(item)

    def _appends(self, _argument: Any) -> None:
        items = self._marked()
        self._into(list).extend(items)

    def _setitem(self, _argument: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._into(dict)[key] = value

    def _setitems(self, _argument: Any) -> None:
        items = self._marked()
        self._into(dict).update(zip(items[::2], items[1::2], strict=True))

    def _into(self, kind: type) -> Any:
        target = self.stack[-1]
        if type(target) is not kind:
            raise _refused(kind.__name__)
        return target

    def _pop(self, _argument: Any) -> None:
        self.stack.pop()

    def _pop_mark(self, _argument: Any) -> None:
        self._marked()

    def _dup(self, _argument: Any) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, argument: Any) -> None:
        self.memo[int(argument)] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _argument: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _get(self, argument: Any) -> None:
        self.stack.append(self.memo[int(argument)])

    _binget = _long_binget = _get

    def _global(self, argument: Any) -> None:
        module, _space, name = str(argument).partition(" ")
        self._name(module, name)

    def _stack_global(self, _argument: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(module, name)

    def _name(self, module: Any, name: Any) -> None:
        if (module, name) not in _KNOWN:
            raise _refused(f"{module}.{name}"[:80])
        self.stack.append(_Name(module, name))

    def _reduce(self, _argument: Any) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, _Name) or not isinstance(arguments, tuple):
            raise _refused("REDUCE")
        if called.name == "_reconstruct":
            self.stack.append(ArraySeen())
        elif called.name == "_frombuffer":
            self.stack.append(ArraySeen(_shape(arguments[2])))
        else:
            self.stack.append(_Called(called.name))

    def _build(self, _argument: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, ArraySeen) and isinstance(state, tuple) and len(state) > 1:
            target.shape = _shape(state[1])
        elif not isinstance(target, _Called):
            raise _refused("BUILD")


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(type(part) is int for part in value):
        raise _refused("shape")
    return value
