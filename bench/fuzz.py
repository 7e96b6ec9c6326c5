"""The whole fuzz: tests/api/test_fuzz.py and tests/admin/test_odd_values.py at their full size.

    python -m bench.fuzz [--bodies 4000] [--reads 10000] [--pages 3000] [--sign-ins 1500]
        [--admin 1500] [--seed 1]

Promise: no answer of 500 or above. The same seed sends the same requests; a failure prints each
request that broke something, and where. Takes about ten minutes on two cores.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SIZES: Final = {"bodies": 4000, "reads": 10_000, "pages": 3000, "sign-ins": 1500, "admin": 1500}
TESTS: Final = ("tests/api/test_fuzz.py", "tests/admin/test_odd_values.py")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, size in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--seed", type=int, default=1)
    chosen = vars(parser.parse_args())
    sizes = {f"FUZZ_{name.upper()}": str(value) for name, value in chosen.items()}
    command = [sys.executable, "-m", "pytest", *TESTS, "--show-capture=no", "-q"]
    return subprocess.run(command, env={**os.environ, **sizes}, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
