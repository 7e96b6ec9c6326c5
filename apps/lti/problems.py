"""Why a launch is refused, and what to do, for the person before the page."""

from django.utils.translation import gettext_lazy as _

from apps.common.errors import Refusal
from apps.common.id_tokens import TokenFlaw


class LaunchProblem(Refusal):
    PLATFORM = (
        "lti_platform_unknown",
        403,
        _(
            "This campus does not know the learning platform that sent you. Its administrators"
            " register it under “Other systems”."
        ),
    )
    STATE = (
        "lti_state",
        403,
        _(
            "This launch was used already, took too long, or began in another window. Go back to"
            " the learning platform and open the link again."
        ),
    )
    DENIED = (
        "lti_denied",
        403,
        _("The learning platform did not let you through. Open the link there again."),
    )
    KEYSET = (
        "lti_keyset",
        503,
        _("The keys of the learning platform cannot be read now. Try again in a minute."),
    )
    SIGNATURE = (
        "lti_signature",
        403,
        _(
            "The launch is not signed by the learning platform that this campus knows. Tell the"
            " campus's administrators: its public keyset address may be wrong."
        ),
    )
    AUDIENCE = (
        "lti_audience",
        403,
        _(
            "The launch is meant for another tool. Tell the campus's administrators: issuer or"
            " client id of the learning platform may be wrong."
        ),
    )
    EXPIRED = (
        "lti_expired",
        403,
        _("The launch is over. Go back to the learning platform and open the link again."),
    )
    DEPLOYMENT = (
        "lti_deployment",
        403,
        _(
            "The learning platform launched from a deployment that this campus does not know. Its"
            " administrators add the deployment id to the platform."
        ),
    )
    MESSAGE = (
        "lti_message",
        400,
        _("This campus takes launches of resource links of LTI 1.3 only."),
    )
    MALFORMED = (
        "lti_malformed",
        400,
        _("The learning platform sent something that cannot be read. Open the link there again."),
    )
    OVER = (
        "lti_launch_over",
        404,
        _("This launch is over. Go back to the learning platform and open the link again."),
    )
    OTHER_PERSON = (
        "lti_other_person",
        409,
        _(
            "Your account on the learning platform is connected with another student here. Sign"
            " out, sign in as that student, or ask the campus's administrators to disconnect it."
        ),
    )
    NOT_LINKED = (
        "lti_not_linked",
        409,
        _(
            "This course of the learning platform is not connected with a course here yet. Your"
            " lecturer connects it by opening the link once."
        ),
    )
    NOT_ENROLLED = (
        "lti_not_enrolled",
        403,
        _("You are not on the roster of this course here. Ask your lecturer."),
    )
    NO_MEMBERS = (
        "lti_no_members",
        409,
        _(
            "The learning platform has named no address for its members. Switch on “Names and"
            " roles” for this tool there, then open the link again."
        ),
    )
    AWAY = "lti_away", 503, _("The learning platform does not answer. Try again in a few minutes.")


OF_TOKEN = {
    TokenFlaw.ALGORITHM: LaunchProblem.SIGNATURE,
    TokenFlaw.AUDIENCE: LaunchProblem.AUDIENCE,
    TokenFlaw.EARLY: LaunchProblem.EXPIRED,
    TokenFlaw.EXPIRED: LaunchProblem.EXPIRED,
    TokenFlaw.ISSUER: LaunchProblem.AUDIENCE,
    TokenFlaw.KEY: LaunchProblem.SIGNATURE,
    TokenFlaw.NONCE: LaunchProblem.STATE,
    TokenFlaw.SIGNATURE: LaunchProblem.SIGNATURE,
}
