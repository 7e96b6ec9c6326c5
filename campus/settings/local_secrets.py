"""Secrets of a development checkout: made once, kept in `var/`, readable by their owner only."""

import json
import os
import secrets
from pathlib import Path

NAMES = ("SECRET_KEY", "CAMPUS_MASTER_KEY")


def local_secret(
    var: Path, name: str, *, file: str = "secrets.json", names: tuple[str, ...] = NAMES
) -> bytes:
    """The 32-byte secret of that name in a file of `var`, which is made at the first call.

    Safe when several processes start at once: the file appears whole or not at all, and the first
    one wins.
    """
    path = var / file
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = {key: secrets.token_hex(32) for key in names}
        draft = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return bytes.fromhex(json.loads(path.read_text())[name])
