"""Mail of machines without a mail server: a file for each message, and one line in the log."""

import itertools
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger(__name__)


class MailFiles(BaseEmailBackend):
    """`EMAIL_BACKEND` of `up`: messages go to `MAIL_FOLDER`; mail programs open them."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_FOLDER)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            path = self._write(folder, message.message().as_bytes())
            recipients = ", ".join(message.recipients())
            logger.warning("E-mail to %s: “%s” (%s)", recipients, message.subject, path)
        return len(email_messages)

    @staticmethod
    def _write(folder: Path, content: bytes) -> Path:
        """Under the first name of this second that is free: several processes write."""
        moment = datetime.now(tz=UTC)
        for number in itertools.count(1):
            path = folder / f"{moment:%Y%m%d-%H%M%S}-{number}.eml"
            try:
                with path.open("xb") as file:
                    file.write(content)
            except FileExistsError:
                continue
            return path
        raise AssertionError("numbers do not end")
