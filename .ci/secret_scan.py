"""Looks for passwords, keys and tokens in the given files, or in all files of the repository.

    python .ci/secret_scan.py [FILE…]

Works without network: nothing is tried against a service. What is no secret stands in
`.ci/not_secrets.txt` by its value, so that moving a file changes nothing; a single line is excused
by a comment `pragma: allowlist secret`.
"""

import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = frozenset((ROOT / ".ci" / "not_secrets.txt").read_text().splitlines())
# Other people's files; hashes of packages; digests of published model weights.
LEFT_OUT = re.compile(r"^(static/vendor/|requirements\.lock$|apps/biometrics/weights/)")
MADE_UP_PASSWORDS = re.compile(r"^(tests|bench)/")
DETECTORS = (
    *("ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector"),
    *("CloudantDetector", "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector"),
    *("IbmCloudIamDetector", "IbmCosHmacDetector", "JwtTokenDetector", "MailchimpDetector"),
    *("NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector"),
    *("SendGridDetector", "SlackDetector", "SoftlayerDetector", "SquareOAuthDetector"),
    *("StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector", "KeywordDetector"),
)
SETTINGS: dict[str, Any] = {
    "plugins_used": [
        *({"name": name} for name in DETECTORS),
        {"name": "Base64HighEntropyString", "limit": 4.5},
        {"name": "HexHighEntropyString", "limit": 3.0},
    ],
    "filters_used": [
        {"path": "detect_secrets.filters.allowlist.is_line_allowlisted"},
        {"path": "detect_secrets.filters.heuristic.is_sequential_string"},
        {"path": "detect_secrets.filters.heuristic.is_potential_uuid"},
        {"path": "detect_secrets.filters.heuristic.is_templated_secret"},
        {"path": "detect_secrets.filters.heuristic.is_indirect_reference"},
        {"path": "detect_secrets.filters.heuristic.is_prefixed_with_dollar_sign"},
    ],
}


def tracked() -> list[str]:
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split("\0")[:-1]


def found_in(name: str) -> list[PotentialSecret]:
    if LEFT_OUT.match(name) or not (ROOT / name).is_file():
        return []
    with transient_settings(SETTINGS):
        return [
            secret
            for secret in scan_file(str(ROOT / name))
            if secret.secret_value not in ALLOWED
            and not (secret.type == "Secret Keyword" and MADE_UP_PASSWORDS.match(name))
        ]


def main(names: list[str]) -> int:
    with ProcessPoolExecutor() as processes:
        found = list(processes.map(found_in, names or tracked(), chunksize=20))
    secrets = list(chain.from_iterable(found))
    for secret in secrets:
        place = Path(secret.filename).relative_to(ROOT)
        sys.stderr.write(f"{place}:{secret.line_number}: looks like a secret ({secret.type})\n")
    if secrets:
        sys.stderr.write("Real ones: remove and replace them. Made-up ones: .ci/not_secrets.txt.\n")
    return 1 if secrets else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
