"""Every setting there is: its name, its default, its range and what it does.

The tables of ``clarion.toml`` are the groups below, those of `setting_channels` and those of `setting_groups`;
docs/reference/settings.md is written from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from clarion.project import broker_urls, category_types, domain_types
from clarion.project import setting_types as types
from clarion.project.attachments import Attachments
from clarion.project.mail_settings import BounceAddress, Bounces, Tracking
from clarion.project.setting_channels import Chat, Feed, Push, RateText, Sms, Webhook
from clarion.project.setting_groups import (
    Api,
    Breaker,
    Database,
    Defaults,
    Names,
    Publish,
    Retention,
    Suppression,
    Worker,
)
from clarion.project.setting_kinds import HOUR, MINUTE, SECOND, Duration, Group, a

Folder = Annotated[Path, BeforeValidator(types.folder)]
Locale = Annotated[str, BeforeValidator(types.locale)]
Sender = Annotated[str, BeforeValidator(types.sender)]
Domains = Annotated[tuple[str, ...], BeforeValidator(types.domains)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(types.database_url)]
SmtpUrl = Annotated[SecretStr, BeforeValidator(types.smtp_url)]
AmqpUrl = Annotated[SecretStr, BeforeValidator(broker_urls.amqp)]
NatsUrl = Annotated[SecretStr, BeforeValidator(broker_urls.nats)]
RedisUrl = Annotated[SecretStr, BeforeValidator(broker_urls.redis)]
Brokers = Annotated[Mapping[str, SecretStr], BeforeValidator(broker_urls.named)]
ApiKey = Annotated[SecretStr, BeforeValidator(types.api_key)]
Pepper = Annotated[SecretStr, BeforeValidator(types.pepper)]
Rates = Annotated[Mapping[str, Any], BeforeValidator(types.rates)]
NamedRates = Annotated[Mapping[str, Any], BeforeValidator(category_types.rates)]
DomainLimits = Annotated[Mapping[str, Any], BeforeValidator(domain_types.limits)]
Caps = Annotated[Mapping[str, Any], BeforeValidator(category_types.caps)]
AtOnce = Annotated[Mapping[str, int], BeforeValidator(types.at_once)]
Endpoints = Annotated[tuple[Any, ...], BeforeValidator(types.endpoints)]
Accounts = Annotated[tuple[Any, ...], BeforeValidator(types.accounts)]
Routes = Annotated[Mapping[str, tuple[Any, ...]], BeforeValidator(types.routes)]
DkimKeys = Annotated[Mapping[str, tuple[Any, ...]], BeforeValidator(types.dkim)]
PublicUrl = Annotated[str, BeforeValidator(types.public_url)]


class Email(Group):
    """Mail: who it is from, what carries it, and how the SMTP server is spoken to."""

    sender: Sender | None = a(
        None,
        "the sender of mails whose workflow names none, as `Name <address>` or an address",
        alias="from",
    )
    from_domains: Domains = a(
        (),
        "domains that senders may have, separated by commas; `*` is any; empty means the domain of `from` alone",
    )
    provider: str | None = a(
        None,
        "the account that carries mail, by the name of its table `[providers.NAME]`; absent: the SMTP server of "
        "`smtp_url`, and where there is none, the only account there is for mail",
        max_length=64,
    )
    providers: Names = a(
        (), "several of them instead: the first is used, and each of the others where those before it cannot be"
    )
    rate: RateText | None = a(
        None,
        "how fast mails are handed to the SMTP server or the provider, by all workers together: `20/s`, `5000/h`, "
        "`20/s burst 5`",
    )
    dkim: DkimKeys = a(
        {},
        "keys that mails are signed with: a table `[email.dkim.DOMAIN]` for each domain that they are from, with "
        "`selector` and `key_file`, and `ed25519_selector` and `ed25519_key_file` where they are to be signed by such "
        "a key as well, and `passphrase` or `passphrase_file` (`ed25519_…`) where the file is locked; in the "
        "environment the same as JSON",
    )
    domains: DomainLimits = a(
        {},
        'how mails go to a domain: a table `[email.domains."gmail.com"]` with a `rate` such as `20/s`, by all workers '
        "together, or `at_once` (1 to 1000), how many are on their way there from one worker process at the same time, "
        "or both; in the environment `gmail.com=20/s, corp.example=1/s`, or the same as JSON",
    )
    bounce_address: BounceAddress | None = a(
        None,
        "where mails that go to SMTP servers come back to, such as `bounces@mail.example.com`: each to an address of"
        " its own behind a `+`; absent: to their sender",
    )
    connections: int = a(10, "connections to the SMTP server, per worker process", ge=1, le=100)
    messages_per_connection: int = a(1_000, "mails after which a connection is replaced", ge=1, le=100_000)
    connect_timeout: Duration = a(
        15 * SECOND, "how long to wait for a connection, TLS included", ge=SECOND / 10, le=5 * MINUTE
    )
    command_timeout: Duration = a(2 * MINUTE, "how long to wait for the answer to a command", ge=SECOND / 10, le=HOUR)
    reply_timeout: Duration = a(
        10 * MINUTE,
        "how long to wait for the answer to a whole mail (RFC 5321 §4.5.3.2.6); shorter makes duplicates likelier",
        ge=SECOND / 10,
        le=HOUR,
    )


class Settings(Group):
    """All settings, whole and checked. Made by `clarion.config.load_settings`; passed on as constructor arguments."""

    project: Folder = a(Path(), "the project folder; `clarion.toml` is in it, so it cannot be set there")
    data_dir: Folder = a(
        Path(".clarion"),
        "where the embedded database, the secret and other data are kept; relative to the project folder, a flag to"
        " where you are",
    )
    database_url: DatabaseUrl | None = a(
        None, "`postgresql://user:password@host/name`; absent: the embedded PostgreSQL"
    )
    smtp_url: SmtpUrl | None = a(
        None, "`smtp://user:password@host:587?starttls=…` or `smtps://…`; absent under `clarion up`: the mail catcher"
    )
    amqp_url: AmqpUrl | None = a(None, "RabbitMQ: `amqp://user:password@host:5672/vhost` or `amqps://…`")
    nats_url: NatsUrl | None = a(None, "NATS: `nats://user:password@host:4222` or `tls://…`; several with commas")
    redis_url: RedisUrl | None = a(None, "Redis, for BullMQ: `redis://user:password@host:6379/0` or `rediss://…`")
    brokers: Brokers = a(
        {},
        "where there are several of a kind: a table `[brokers]` of names and addresses as above, which bindings name as"
        " `broker`; in the environment `name=address` with blanks between them",
    )
    api_key: ApiKey | None = a(None, "a first API key to create, beginning with `clk_`")
    secret: Pepper | None = a(
        None,
        "what API keys are hashed with, cursors signed, links and addresses in mails and secrets of webhooks sealed, "
        "32 characters or more, the same on all machines; absent: made once and kept in the data folder",
    )
    host: str = a("127.0.0.1", "the address the API listens on", min_length=1, max_length=255)
    port: int = a(8000, "the port the API listens on; 0 takes a free one", ge=0, le=65_535)
    log_format: Literal["console", "json"] = a("console", "how logs are written")
    log_level: Literal["debug", "info", "warning", "error"] = a("info", "the least that is logged")
    default_locale: Locale = a("en", "the locale of recipients without one, and of templates that name none (BCP 47)")
    unsafe_allow_fsync_off: bool = a(
        False, "start on a database with `fsync` off, where a crash loses what was promised: for tests only"
    )
    insecure: bool = a(
        False,
        "start although the database, a broker or a mail server on another machine is spoken to in the clear: where "
        "the network between is trusted",
    )
    public_url: PublicUrl | None = a(
        None,
        "the address under which the API is reached from outside, such as `https://notify.example`: there providers "
        "tell what became of a message, and recipients unsubscribe; absent: neither is asked or offered",
    )
    providers: Accounts = a(
        (),
        "accounts at providers: a table `[providers.NAME]` each, with its `kind` and what that needs; in the "
        "environment the same as JSON",
    )
    routes: Routes = a(
        {},
        "which accounts carry which messages: tables `[[routes.sms]]` with `providers`, and `weights`, `when` and"
        " `balance` where wanted, in the order in which they are tried; in the environment the same as JSON",
    )
    webhooks: Endpoints = a(
        (),
        "endpoints of webhooks: a table `[webhooks.NAME]` each, with `url`, and `secrets` or `secret_files`; in the "
        "environment the same as JSON",
    )

    rates: Rates = a(
        {},
        "how fast the jobs of a queue are begun, by all workers together: a table `[rates]` of queues and rates such as"
        ' `email = "20/s"`; in the environment `email=20/s, in_app=100/s burst 20`',
    )
    tenant_rates: Rates = a(
        {},
        "how fast the messages of a tenant are sent, on all channels together: a table `[tenant_rates]` of tenants'"
        ' names and rates such as `acme = "50/s"`; in the environment `acme=50/s, hotel=5/s burst 5`',
    )
    category_rates: NamedRates = a(
        {},
        "how fast the messages of a category are sent, on all channels and of all tenants together: a table"
        ' `[category_rates]` such as `marketing = "100/s"`; in the environment `marketing=100/s, news=20/s`',
    )
    caps: Caps = a(
        {},
        "how many messages of a category one recipient gets in a while: a table `[caps]` such as"
        ' `marketing = "3 in 1d"`, also `3 in 1d and 1 in 1h on sms`; in the environment `marketing=3 in 1d, news=1 in'
        " 7d`; critical workflows, and those of `suppression.critical_categories`, keep to none",
    )
    concurrency: AtOnce = a(
        {},
        "how many jobs of a queue one worker process has in its hands at the same time: a table `[concurrency]` of"
        " queues and numbers; in the environment `email=5, in_app=20`; absent: as `[worker]` says",
    )

    worker: Worker = Worker()
    email: Email = Email()
    sms: Sms = Sms()
    push: Push = Push()
    chat: Chat = Chat()
    webhook: Webhook = Webhook()
    feed: Feed = Feed()
    api: Api = Api()
    database: Database = Database()
    retention: Retention = Retention()
    defaults: Defaults = Defaults()
    publish: Publish = Publish()
    breaker: Breaker = Breaker()
    bounces: Bounces = Bounces()
    tracking: Tracking = Tracking()
    suppression: Suppression = Suppression()
    attachments: Attachments = Attachments()

    #: Where each setting that is not a default came from, by its dotted name: for the table of effective settings.
    origins: Mapping[str, str] = Field(default_factory=dict, repr=False, exclude=True)
    #: Names of hand-built mailers in the environment that say more than there may be: what they say, and what counts.
    lowered: Mapping[str, tuple[str, int]] = Field(default_factory=dict, repr=False, exclude=True)
