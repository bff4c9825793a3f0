"""The kinds of providers there are: ours, and those of other packages, which join by an entry point."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from clarion.channels.account import Kind
from clarion.channels.chat.apprise_account import APPRISE
from clarion.channels.chat.discord_account import DISCORD
from clarion.channels.chat.slack_account import SLACK
from clarion.channels.chat.teams_account import TEAMS
from clarion.channels.chat.telegram_account import TELEGRAM
from clarion.channels.email.mailgun_account import MAILGUN
from clarion.channels.email.postmark_account import POSTMARK
from clarion.channels.email.resend_account import RESEND
from clarion.channels.email.sendgrid_account import SENDGRID
from clarion.channels.email.ses_account import SES
from clarion.channels.email.smtp_account import SMTP
from clarion.channels.push.apns_account import APNS
from clarion.channels.push.expo_account import EXPO
from clarion.channels.push.fcm_account import FCM
from clarion.channels.push.webpush_account import WEBPUSH
from clarion.channels.sms.sns_account import SNS
from clarion.channels.sms.twilio_account import TWILIO
from clarion.channels.sms.vonage_account import VONAGE
from clarion.errors import ConfigError

#: An entry point of this group names a `Kind`; what it is called does not matter.
GROUP = "clarion.providers"

_KINDS = (
    APNS,
    APPRISE,
    DISCORD,
    EXPO,
    FCM,
    MAILGUN,
    POSTMARK,
    RESEND,
    SENDGRID,
    SES,
    SLACK,
    SMTP,
    SNS,
    TEAMS,
    TELEGRAM,
    TWILIO,
    VONAGE,
    WEBPUSH,
)
_OURS = {kind.name: kind for kind in _KINDS}


def kinds() -> Mapping[str, Kind]:
    """All kinds by name. Raises `ConfigError` where a package offers what is none, or takes a name that is taken."""
    found = dict(_OURS)
    for point in entry_points(group=GROUP):
        try:
            kind = point.load()
        except Exception as error:
            raise ConfigError(
                f"The provider {point.value} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(kind, Kind):
            raise ConfigError(f"{point.value} is not a kind of provider: it must be a clarion.channels.account.Kind.")
        if found.setdefault(kind.name, kind) is not kind:
            raise ConfigError(f"{point.value} calls itself {kind.name!r}, as another kind of provider does.")
    return found


def find_kind(name: str) -> Kind | None:
    """The kind called *name*; other packages are only looked at for what is not ours."""
    return _OURS.get(name) or kinds().get(name)
