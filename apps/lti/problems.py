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
        _("This campus takes launches of resource links and deep linking of LTI 1.3 only."),
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
    LINKING_STAFF = (
        "lti_linking_staff",
        403,
        _("Links are chosen by lecturers and administrators, there and here."),
    )
    LINKING_OTHERS = (
        "lti_linking_others",
        403,
        _(
            "This course of the learning platform is connected with a course of somebody else here."
            " Its lecturer chooses its links."
        ),
    )
    LINKING_RETURN = (
        "lti_linking_return",
        400,
        _(
            "The learning platform did not say to which address (https://…) the choice is sent."
            " Tell its administrators."
        ),
    )
    LINKING_TYPES = (
        "lti_linking_types",
        400,
        _("The learning platform takes no links to tools in this place."),
    )
    SIGNING = (
        "lti_signing",
        503,
        _(
            "This campus has no key to sign with. Its administrators replace it under “Learning"
            " platforms”."
        ),
    )
    AWAY = "lti_away", 503, _("The learning platform does not answer. Try again in a few minutes.")


class RegistrationProblem(Refusal):
    """Why a platform is not registered by a link."""

    UNKNOWN = (
        "lti_registration_unknown",
        404,
        _("This registration link is not known. Ask the campus's administrators for a new one."),
    )
    USED = (
        "lti_registration_used",
        409,
        _(
            "This registration link was used already. If the learning platform is not among those"
            " of the campus, its administrators make a new one."
        ),
    )
    REVOKED = (
        "lti_registration_revoked",
        409,
        _("This registration link was revoked. Ask the campus's administrators for a new one."),
    )
    OVER = (
        "lti_registration_over",
        409,
        _(
            "This registration link is over: it is good for an hour. Ask the campus's"
            " administrators for a new one."
        ),
    )
    ASKED = (
        "lti_registration_asked",
        400,
        _(
            "This is a link for a learning platform (LTI 1.3, dynamic registration). Paste its"
            " address there: the platform opens it and says where it is described itself."
        ),
    )
    ADDRESS = (
        "lti_registration_address",
        400,
        _(
            "Nothing can be sent to the address of the platform's configuration. It must be"
            " https://… and public."
        ),
    )
    AWAY = (
        "lti_registration_away",
        503,
        _("The configuration of the learning platform cannot be read now. Try again in a minute."),
    )
    CONFIGURATION = (
        "lti_registration_configuration",
        400,
        _(
            "The configuration of the learning platform is not whole: one of issuer, its addresses"
            " (https://…) for sign-in, tokens, keys and registration is missing or cannot be used."
        ),
    )
    ISSUER = (
        "lti_registration_issuer",
        400,
        _(
            "The issuer that the configuration names lies on another host than the configuration"
            " itself. It is not believed."
        ),
    )
    UNFIT = (
        "lti_registration_unfit",
        400,
        _(
            "The learning platform does not sign with RS256, or does not take signed requests for"
            " tokens (private_key_jwt). Campus needs both."
        ),
    )
    REFUSED = (
        "lti_registration_refused",
        409,
        _(
            "The learning platform did not register Campus. Begin again there: its permission to"
            " register may be over."
        ),
    )
    ANSWER = (
        "lti_registration_answer",
        409,
        _(
            "The learning platform answered without a client id that can be used. Nothing was"
            " saved here; remove what it made, and begin again there."
        ),
    )
    KNOWN = (
        "lti_registration_known",
        409,
        _("This campus knows a learning platform with this issuer and client id already."),
    )


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
