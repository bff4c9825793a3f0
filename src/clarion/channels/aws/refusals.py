"""What Amazon's services refuse in the same words, whichever service it is.

Sources, as of November 2026: https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html,
https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html and
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html.
"""

from __future__ import annotations

from clarion.domain.outcome import Outcome, Retry
from clarion.http.outcome import BUSY, locked_out
from clarion.http.reply import Reply

#: The status of a key that is not good any more, among others.
FORBIDDEN = 403
#: Too many requests in a second: such a one was not looked at.
THROTTLED = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "Throttled", "RequestThrottled"),
        *("TooManyRequestsException", "RequestLimitExceeded"),
    }
)
#: The key, its rights, the account, the clock, the region: somebody must change something.
LOCKED_OUT = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthFailure", "NotAuthorized"),
        *("ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId"),
        *("InvalidSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
        *("OptInRequired", "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException"),
        *("InvalidSecurity", "InvalidAction", "UnknownOperationException"),
    }
)


def of_code(code: str, said: str, reply: Reply) -> Outcome | None:
    """The outcome where *code* is one that all services have; None for others."""
    if code in THROTTLED:
        return Retry(said, after=reply.retry_after or BUSY, pause_provider=True, blameless=True)
    return locked_out(said) if code in LOCKED_OUT else None
