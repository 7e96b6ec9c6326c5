"""How large an upload may be. Stood on every way in; numbers of the security design."""

from typing import Final

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_ROWS: Final = 100_000
MAX_COLUMNS: Final = 200
MAX_SHEETS: Final = 20
MAX_CELL: Final = 2_000  # characters; nothing that we store is longer
MAX_UNPACKED: Final = 300 * 1024 * 1024  # bytes, over all members of a workbook
MAX_RATIO: Final = 150  # unpacked : packed, per member; text in a workbook packs about 20 : 1
MAX_MEMBERS: Final = 500
MAX_ANSWER: Final = 256 * 1024 * 1024  # bytes of JSON, over all sheets: what is kept of a file
CHILD_MEMORY: Final = 1024 * 1024 * 1024  # bytes of address space
CHILD_SECONDS: Final = 30
