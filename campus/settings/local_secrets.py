"""Secrets of a development checkout: made once, kept in `var/`, readable by their owner only."""

import json
import os
import secrets
from pathlib import Path


def local_secret(var: Path, name: str) -> bytes:
    """The 32-byte secret of that name in `var/secrets.json`, made at the first call.

    Safe when several processes start at once: the file appears whole or not at all, and the first
    one wins.
    """
    path = var / "secrets.json"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = {key: secrets.token_hex(32) for key in ("SECRET_KEY", "CAMPUS_MASTER_KEY")}
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
