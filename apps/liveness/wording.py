"""What students agree to besides, where a policy asks for head turns."""

from typing import Final

from django.utils.translation import gettext

from apps.privacy.selectors import HEAD_TURNS_DAYS, agreed_besides

HEAD_TURNS: Final = "t1"
"""In the version of a consent. Change the text, raise the number: it is then asked anew."""


def head_turns_text() -> str:
    return gettext(
        "At check-ins that ask for head turns, my campus also takes 5 to 8 small pictures while I "
        "turn my head as I am asked, and compares them with my templates, with each other and with "
        "earlier ones, to see that nobody holds up a picture of me. They are encrypted and kept as "
        "long as photos taken at check-ins; what was found in them, and by what they would be "
        "known again, for %(days)s days. I may leave the turns out, which counts the same; where "
        "they are required, my lecturer then confirms me."
    ) % {"days": HEAD_TURNS_DAYS}


def agreed_to_head_turns(*, student_id: int) -> bool:
    """Whether the consent that the student has given names them."""
    return agreed_besides(HEAD_TURNS, student_id=student_id)
