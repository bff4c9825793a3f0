"""Settings: which source counts, what is refused and in which words, and that the reference names them all."""

from __future__ import annotations

import stat
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from clarion.channels.email.settings import SmtpSettings
from clarion.config import Settings, broker_url, effective, load_settings, secret_of
from clarion.errors import ConfigError
from clarion.project.setting import every_setting
from clarion.project.settings_page import page

ROOT = Path(__file__).parents[2]
KEY = "clk_0123456789abcdefXYZ"
SECRET = "correct horse battery staple, twice over"


def load(folder: Path, toml: str = "", *, flags: dict[str, object] | None = None, **environ: str) -> Settings:
    (folder / "clarion.toml").write_text(toml, encoding="utf-8")
    return load_settings({"project": str(folder), **(flags or {})}, environ)


def problems(folder: Path, toml: str = "", *, flags: dict[str, object] | None = None, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, toml, flags=flags, **environ)
    return caught.value.message.split("\n")


def test_everything_has_a_default(tmp_path: Path) -> None:
    settings = load_settings({"project": tmp_path}, {})
    assert (settings.host, settings.port, settings.worker.claim_size) == ("127.0.0.1", 8000, 200)
    assert settings.worker.lease == timedelta(seconds=60)
    assert settings.database_url is None
    assert settings.project == tmp_path
    assert settings.data_dir == tmp_path / ".clarion"


def test_old_secrets_are_as_good_as_the_present_one_and_as_hidden(tmp_path: Path) -> None:
    found = load(tmp_path, f'[suppression]\nold_secrets = ["{SECRET}"]\n')
    assert [one.get_secret_value() for one in found.suppression.old_secrets] == [SECRET]
    several = load(tmp_path, CLARION_SUPPRESSION_OLD_SECRETS="a" * 16 + "bcdefghijklmnop-," + "0123456789abcdef" * 2)
    assert len(several.suppression.old_secrets) == 2
    told = str(effective(found))
    assert "horse" not in told
    assert "too short" in str(problems(tmp_path, '[suppression]\nold_secrets = ["short"]\n'))


def test_mail_has_the_defaults_of_its_channel() -> None:
    email, channel = Settings().email, SmtpSettings(host="mail.example")
    assert email.connections == channel.connections
    assert email.messages_per_connection == channel.messages_per_connection
    assert email.connect_timeout == channel.timeouts.connect
    assert email.command_timeout == channel.timeouts.command
    assert email.reply_timeout == channel.timeouts.reply


def test_flags_before_environment_before_file(tmp_path: Path) -> None:
    toml = "port = 1\nhost = 'file.example'\nlog_level = 'error'\n[worker]\nsenders = 2\n"
    settings = load(tmp_path, toml, flags={"port": 3, "host": None}, CLARION_PORT="2", CLARION_HOST="env.example")
    assert (settings.port, settings.host, settings.log_level) == (3, "env.example", "error")
    origins = {name: origin for name, _, origin in effective(settings)}
    assert origins["port"] == "--port"
    assert origins["host"] == "CLARION_HOST"
    assert origins["log_level"] == "clarion.toml:3"
    assert origins["worker.senders"] == "clarion.toml:5"
    assert origins["worker.lease"] == "default"


def test_reads_every_kind_of_value_from_file_and_environment(tmp_path: Path) -> None:
    toml = """
    unsafe_allow_fsync_off = true
    default_locale = "pt-BR"
    data_dir = "/var/lib/clarion"
    [worker]
    queues = ["email"]
    lease = "PT2S"
    [email]
    from = "Hotel <a@hotel.example>"
    """
    settings = load(
        tmp_path,
        toml,
        CLARION_EMAIL_FROM_DOMAINS="hotel.example, Mail.Hotel.example",
        CLARION_WORKER_POLL_INTERVAL="50ms",
        CLARION_DATABASE_STATEMENT_CACHE_SIZE="0",
        CLARION_DATABASE_URL="postgresql://me:pw@db/clarion",
    )
    assert settings.unsafe_allow_fsync_off is True
    assert settings.default_locale == "pt-BR"
    assert settings.data_dir == Path("/var/lib/clarion")
    assert settings.worker.queues == ("email",)
    assert settings.worker.lease == timedelta(seconds=2)
    assert settings.worker.poll_interval == timedelta(milliseconds=50)
    assert settings.email.sender == "Hotel <a@hotel.example>"
    assert settings.email.from_domains == ("hotel.example", "mail.hotel.example")
    assert settings.database.statement_cache_size == 0
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://me:pw@db/clarion"


def test_a_value_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    settings = load(tmp_path, CLARION_API_KEY_FILE=str(tmp_path / "key"))
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY
    assert ("api_key", "••••", "CLARION_API_KEY_FILE") in effective(settings)
    both = problems(tmp_path, CLARION_API_KEY=KEY, CLARION_API_KEY_FILE=str(tmp_path / "key"))
    assert both == ["CLARION_API_KEY_FILE: CLARION_API_KEY is set too; set only one of the two"]
    (gone,) = problems(tmp_path, CLARION_API_KEY_FILE="/nowhere/key")
    assert gone == "CLARION_API_KEY_FILE: the file '/nowhere/key' cannot be read: No such file or directory"


def test_an_empty_variable_counts_as_absent(tmp_path: Path) -> None:
    assert load(tmp_path, "port = 9", CLARION_PORT="").port == 9


def test_names_every_problem_at_once(tmp_path: Path) -> None:
    toml = 'prot = 1\nport = true\n[worker]\nclaim_sise = 5\nlease = 60\nsenders = 65\n[wroker]\nlease = "1s"\n'
    said = problems(
        tmp_path, toml, CLARION_DATABSE_URL="x", CLARION_LOG_LEVEL="loud", flags={"worker.processes": "many"}
    )
    assert said == [
        "CLARION_DATABSE_URL: there is no such setting; did you mean `CLARION_DATABASE_URL`?",
        "clarion.toml:1: unknown setting `prot`; did you mean `port`?",
        "clarion.toml:2: `port`: should be a valid integer; expected 0 to 65535",
        "clarion.toml:4: unknown setting `worker.claim_sise`; did you mean `worker.claim_size`?",
        "clarion.toml:5: `worker.lease`: a length of time is written with its unit and in quotes, "
        'for example "60s"; expected 1s to 1h',
        "clarion.toml:6: `worker.senders`: should be less than or equal to 64; expected 1 to 64",
        "clarion.toml:7: unknown setting `wroker`; did you mean `worker`?",
        "CLARION_LOG_LEVEL: should be 'debug', 'info', 'warning' or 'error'; "
        "expected `debug` or `info` or `warning` or `error`",
        "--worker-processes: should be a valid integer, unable to parse string as an integer; expected 1 to 64",
    ]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("port = ", "clarion.toml:1: Invalid value"),
        ("port = 1\nport = 2\n", "clarion.toml:2:9: Cannot overwrite a value"),
        ('port = "8000"', "`port`: should be a valid integer"),
        ("claim_size = 5", "unknown setting `claim_size`; did you mean `worker.claim_size`?"),
        ('project = "x"', "unknown setting `project`"),
        ("worker = 5", "unknown setting `worker`"),
        ("[email]\nfrom = 'nobody'", "clarion.toml:2: `email.from`:"),
        ('[email]\nfrom = "a@b.example\\r\\nBcc: x@y.example"', "`email.from`:"),
        ('[email]\nfrom = "a@b.example"\nfrom_domains = ["c.example"]', "domain b.example of email.from is not among"),
        ('[email]\nfrom_domains = ["not a domain"]', "'not a domain' is not a domain"),
        ("[worker]\nqueues = [1]", "expected a list of names"),
        ("[worker]\nlease = '400d'", "'400d' is too long: at most 366d"),
        ("[worker]\nlease = '1ms'", "`worker.lease`: should be greater than or equal to"),
        ("[worker]\nclaim_size = 10", "worker.intent_size (100) is more than worker.claim_size (10)"),
        ('default_locale = "pt_br"', "did you mean `pt-BR`?"),
        ('database_url = "mysql://u:hunter2@h/db"', "expected an address such as postgresql://"),
        ('smtp_url = "smtp://u:hunter2@h:99999"', "`smtp_url`:"),
        ('api_key = "hunter2"', "an API key begins with clk_"),
        ('secret = "hunter2"', "at least 32 characters"),
        ('secret = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"', "too plain to be a secret"),
        ("a = " + "[" * 5_000, "clarion.toml"),
    ],
)
def test_says_what_is_wrong_with_a_value(tmp_path: Path, toml: str, said: str) -> None:
    (line,) = problems(tmp_path, toml)
    assert said in line
    assert "hunter2" not in line


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "clarion.toml").write_bytes(b"port = 1\nhost = '\xff'\n")
    with pytest.raises(ConfigError, match=r"clarion\.toml: it is not UTF-8: byte 0xff on line 2"):
        load_settings({"project": tmp_path}, {})


def test_a_project_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--project: there is no folder"):
        load_settings({"project": tmp_path / "nope"}, {})


def test_what_kubernetes_adds_is_not_ours(tmp_path: Path) -> None:
    assert load(tmp_path, CLARION_SERVICE_HOST="10.0.0.1", CLARION_PORT_8000_TCP_ADDR="10.0.0.1").port == 8000
    (said,) = problems(tmp_path, CLARION_PORT="tcp://10.0.0.1:8000")
    assert said.endswith("Kubernetes sets it beside a Service called `clarion`: say `enableServiceLinks: false`")


def test_secrets_are_masked_everywhere(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        CLARION_API_KEY=KEY,
        CLARION_SECRET=SECRET,
        CLARION_DATABASE_URL="postgresql://me:hunter2@db:5433/clarion?password=hunter2",
        CLARION_SMTP_URL="smtp://me:hunter2@mail:587?starttls=required",
    )
    table = effective(settings)
    for shown in (repr(settings), str(settings), str(table), settings.model_dump_json()):
        assert KEY not in shown
        assert SECRET not in shown
        assert "hunter2" not in shown
    shown_values = {name: value for name, value, _ in table}
    assert shown_values["database_url"] == "postgresql://••••@db:5433/clarion?••••"
    assert shown_values["smtp_url"] == "smtp://••••@mail:587?••••"
    assert shown_values["secret"] == "••••"


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(tmp_path)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1
    with pytest.raises(ValidationError, match="frozen"):
        settings.worker.senders = 1


def test_a_secret_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    settings = load(tmp_path)
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(secret_of(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert len(made[0]) == 64
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret"]
    assert stat.S_IMODE((settings.data_dir / "secret").stat().st_mode) == 0o600
    assert secret_of(load(tmp_path, CLARION_SECRET=SECRET)) == SECRET
    (settings.data_dir / "secret").write_text("short")
    with pytest.raises(ConfigError, match="does not hold a secret"):
        secret_of(settings)


def test_the_names_in_the_environment_are_the_documented_ones() -> None:
    names = {setting.env for setting in every_setting()}
    assert len(names) == len(every_setting())
    short = "DATABASE_URL SMTP_URL API_KEY DATA_DIR HOST PORT PROJECT"
    assert {f"CLARION_{name}" for name in short.split()} <= names
    assert "CLARION_WORKER_CLAIM_SIZE" in names


def test_the_reference_names_every_setting() -> None:
    written = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m clarion.project.settings_page docs/reference/settings.md"
    for setting in every_setting():
        assert f"| `{setting.key}` | `{setting.env}` |" in written
        assert setting.field.description


def test_brokers_have_addresses_and_names(tmp_path: Path) -> None:
    toml = 'amqp_url = "amqp://me:pw@rabbit/%2f"\n[brokers]\norders = "amqps://o:pw@orders:5671"\n'
    settings = load(tmp_path, toml, CLARION_NATS_URL="nats://u:pw@a:4222,nats://u:pw@b:4222")
    assert broker_url(settings, "rabbitmq") == "amqp://me:pw@rabbit/%2f"
    assert broker_url(settings, "rabbitmq", "orders") == "amqps://o:pw@orders:5671"
    assert broker_url(settings, "nats") == "nats://u:pw@a:4222,nats://u:pw@b:4222"
    shown = {name: value for name, value, _ in effective(settings)}
    assert shown["amqp_url"] == "amqp://••••@rabbit/%2f"
    assert shown["nats_url"] == "nats://••••@a:4222,nats://••••@b:4222"
    assert shown["brokers"] == "orders = amqps://••••@orders:5671"
    assert "pw" not in repr(settings)
    for kind, name, said in (
        ("bullmq", None, "There is no address of bullmq: set CLARION_REDIS_URL."),
        ("nats", "orders", "The broker 'orders' is not nats: its address does not begin with nats://"),
        ("nats", "order", "There is no broker called 'order': did you mean `orders`?"),
    ):
        with pytest.raises(ConfigError) as caught:
            broker_url(settings, kind, name)
        assert caught.value.message == said


def test_brokers_in_the_environment_and_wrong_ones(tmp_path: Path) -> None:
    settings = load(tmp_path, CLARION_BROKERS="a=nats://x  b=redis://:pw@y:6380/1")
    assert broker_url(settings, "bullmq", "b") == "redis://:pw@y:6380/1"
    (said,) = problems(tmp_path, '[brokers]\norders = "http://u:hunter2@x"\n')
    assert said.startswith("clarion.toml:2: `brokers`: orders: expected an address such as amqp://")
    assert "hunter2" not in said
    for bad in ("http://x", "amqp://", "amqp://a b", "amqp://h:0", "amqp://h:x", ""):
        assert problems(tmp_path, f"amqp_url = {bad!r}")


def test_names_of_hand_built_mailers_work(tmp_path: Path) -> None:
    theirs: dict[str, Any] = {"REDIS_HOST": "cache", "REDIS_PORT": "6380", "REDIS_PASSWORD": "p@ss/word"}
    settings = load(tmp_path, "defaults = {attempts = 5}", **theirs, JOB_CONCURRENCY="8", JOB_ATTEMPT_LIMIT="3")
    assert broker_url(settings, "bullmq") == "redis://:p%40ss%2Fword@cache:6380"
    assert (settings.worker.senders, settings.defaults.attempts) == (8, 3)
    origins = {name: origin for name, _, origin in effective(settings)}
    assert origins["redis_url"] == "REDIS_HOST + REDIS_PORT + REDIS_PASSWORD"
    assert origins["defaults.attempts"] == "JOB_ATTEMPT_LIMIT"
    settings = load(
        tmp_path, **theirs, CLARION_REDIS_URL="redis://ours", CLARION_WORKER_SENDERS="2", JOB_CONCURRENCY="9"
    )
    assert (broker_url(settings, "bullmq"), settings.worker.senders) == ("redis://ours", 2)
    linked = load(tmp_path, REDIS_HOST="r", REDIS_PORT="tcp://10.0.0.1:6379")
    assert broker_url(linked, "bullmq") == "redis://r"
    assert load(tmp_path, REDIS_PORT="6379", REDIS_PASSWORD="x").redis_url is None
    assert problems(tmp_path, JOB_CONCURRENCY="many")[0].startswith("JOB_CONCURRENCY: ")
    large = load(tmp_path, JOB_CONCURRENCY="200", JOB_ATTEMPT_LIMIT=" 1000000000000")
    assert (large.worker.senders, large.defaults.attempts) == (64, 50), "as much as there may be, and it is told"
    assert large.lowered == {"JOB_CONCURRENCY": ("200", 64), "JOB_ATTEMPT_LIMIT": ("1000000000000", 50)}
    assert load(tmp_path, JOB_CONCURRENCY="64", JOB_ATTEMPT_LIMIT="50").lowered == {}
    assert load(tmp_path, JOB_CONCURRENCY="200", CLARION_WORKER_SENDERS="2").lowered == {}
    assert problems(tmp_path, CLARION_WORKER_SENDERS="200")
    assert problems(tmp_path, JOB_CONCURRENCY="0")
