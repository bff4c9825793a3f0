"""Binding files: what they may say, and every mistake told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.project import build

from clarion.domain.own_event import OwnEvent
from clarion.domain.source import BullSource, NatsSource, RabbitSource
from clarion.project.binding_file import read_binding
from clarion.project.load import load_project
from clarion.project.mistake import Mistake

SENT = "on: message.sent\ndo:\n  - "
DO = "do:\n  - timer.cancel: {key: x}\n"


def mistakes(text: str) -> list[str]:
    return [
        str(mistake).removeprefix("bindings/b.yaml:").strip()
        for mistake in read_binding(text, "bindings/b.yaml", "b", {"hello"})[1]
    ]


@pytest.mark.parametrize(
    ("on", "wanted"),
    [
        ("{rabbitmq: {queue: bookings}}", RabbitSource(queue="bookings")),
        (
            "{rabbitmq: {queue: q, exchange: e, exchange_type: direct, routing_keys: a.b, declare: false}}",
            RabbitSource(queue="q", exchange="e", exchange_type="direct", routing_keys=("a.b",), declare=False),
        ),
        (
            "{rabbitmq: {queue: q, queue_type: classic, dead_letter_exchange: none, delivery_limit: 7}}",
            RabbitSource(queue="q", queue_type="classic", dead_letter_exchange="", delivery_limit=7),
        ),
        (
            "{nats: {stream: orders, subjects: order.created, durable: fresh, deliver: new}}",
            NatsSource(stream="orders", subjects=("order.created",), durable="fresh", deliver="new"),
        ),
        (
            "{nats: {stream: orders, subjects: [order.created, 'order.>'], durable: clarion, ack_wait: 1m}}",
            NatsSource(stream="orders", subjects=("order.created", "order.>"), durable="clarion", ack_wait=60.0),
        ),
        (
            "{bullmq: {queue: mailer-queue, jobs: [email-producer], complete_on: accepted, concurrency: 5}}",
            BullSource(queue="mailer-queue", jobs=("email-producer",), complete_on="accepted", concurrency=5),
        ),
        ("message.sent", OwnEvent(type="message.sent")),
        (
            "{message.failed: {workflow: hello, channel: email}}",
            OwnEvent(type="message.failed", workflow="hello", channel="email"),
        ),
        ("{job.failed: {queue: email}}", OwnEvent(type="job.failed", queue="email")),
    ],
)
def test_what_can_be_listened_to(on: str, wanted: object) -> None:
    binding, wrong = read_binding(f"on: {on}\n{DO}", "bindings/b.yaml", "b", {"hello"})
    assert not wrong
    assert binding is not None
    assert binding.on == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty; a binding needs at least `on` and `do`"),
        (DO, "1:1: there is no `on`; for example: on: {bullmq: {queue: mailer-queue}}"),
        ("on: message.sent\n", "1:1: there is no `do`"),
        (
            "on: message.send\n" + DO,
            "1:5: `message.send` is nothing that can be listened to; did you mean `message.sent`?",
        ),
        ("on: {rabitmq: {queue: a}}\n" + DO, "1:6: unknown key `rabitmq`; did you mean `rabbitmq`?"),
        ("on: nats\n" + DO, "1:5: `nats` needs to know what it listens to"),
        ("on: [nats]\n" + DO, "1:5: `on` must name one thing, not a list"),
        ("on:\n  nats: {stream: a.b, subjects: [x], durable: d}\n" + DO, "2:18: `stream`: no blanks, dots"),
        (
            "on:\n  nats: {stream: a, subject: x, durable: d}\n" + DO,
            "2:21: unknown key `subject`; did you mean `subjects`?",
        ),
        ("on: {bullmq: {queue: 'a:b'}}\n" + DO, "1:22: `queue`: BullMQ's queues have no colon"),
        ("on: {bullmq: {queue: a, complete_on: send}}\n" + DO, "`send` is not a complete on; did you mean `sent`?"),
        ("on: {bullmq: {queue: a, jobs: [1]}}\n" + DO, "`jobs` must be a list of texts, not of a whole number"),
        ("on: {rabbitmq: {queue: a, routing_keys: [x]}}\n" + DO, "`routing_keys` without an `exchange`"),
        ("on: {rabbitmq: {queue: a, exchange: x}}\n" + DO, "nothing would come: there are no `routing_keys`"),
        ("on: {rabbitmq: {queue: a, declare: 1}}\n" + DO, "`declare` must be true or false, not a whole number"),
        ("on: {message.sent: {queue: a}}\n" + DO, "1:21: unknown key `queue`"),
        ("on: {message.sent: {workflow: helo}}\n" + DO, "1:31: there is no workflow `helo`; did you mean `hello`?"),
        ("on: message.sent\nwhen: data.x == tru\n" + DO, "2:17: `when`: `tru` is not known here"),
        ("on: message.sent\ndo: x\n", "2:5: `do` must be a list of actions"),
        (SENT + "triger: {}\n", "3:5: `0`: `triger` is not an action; did you mean `trigger`?"),
        (
            SENT + "trigger: {workflow: helo, recipients: [data.x]}\n",
            "3:25: there is no workflow `helo`; did you mean `hello`?",
        ),
        (
            SENT + "trigger:\n      workflow: hello\n      recipient: [data.x]\n",
            "5:7: unknown key `recipient`; did you mean `recipients`?",
        ),
        (SENT + "trigger:\n      workflow: hello\n      recipients: [data.x +]\n", "5:"),
        (
            SENT + "trigger:\n      workflow: hello\n      recipients: [payload.x]\n",
            "5:20: `0`: `payload` is not known here",
        ),
        (
            SENT + "timer.cancel: {key: '{{ order.id }}'}\n",
            "3:25: `key`: there is no variable `order`; the event's own values are under `data`",
        ),
        (
            SENT + "publish: {kind: nats, subject: a, body: {x: 0x1F}}\n",
            "0x1F is a whole number in a form that is easily mistaken; put it in quotes",
        ),
        (
            SENT + "publish: {kind: nats, subject: a, body: {x: yes}}\n",
            "yes is true or false in a form that is easily mistaken",
        ),
        (SENT + "publish: {kind: nats, subject: a, body: {x: 'a', x: 'b'}}\n", "`x` is there twice"),
        (SENT + "&a [*a]\n", "it holds more than"),
    ],
)
def test_every_mistake_has_its_place(text: str, says: str) -> None:
    assert any(says in one for one in mistakes(text)), mistakes(text)


def test_all_mistakes_are_told_at_once() -> None:
    text = "on: message.send\nwhen: dat.x\ndo:\n  - trigger: {workflow: helo}\n  - publish: {kind: nats}\n"
    assert len(mistakes(text)) >= 4


def test_a_folder_is_checked_with_its_bindings(tmp_path: Path) -> None:
    good = "on: {bullmq: {queue: q}}\ndo:\n  - trigger: {workflow: hello, recipients: [data.to]}\n"
    project, found = load_project(build(tmp_path / "a", {"bindings/mail.yaml": good}))
    assert not found
    assert project is not None
    assert [binding.key for binding in project.bindings] == ["mail"]
    wrong: dict[str, str | bytes | None] = {
        "bindings/mail.yml": good,
        "bindings/sub/x.yaml": good,
        "bindings/Mail.yaml": good,
        "bindings/b.yaml": good.replace("hello", "helo"),
        "bindings/readme.md": "words",
        "bindings/c.yaml": good.replace("hello", "spoilt"),
        "workflows/spoilt.yaml": "steps: 1\n",
    }
    project, found = load_project(build(tmp_path / "b", wrong))
    assert project is None
    told = {mistake.file: mistake for mistake in found}
    assert told.keys() == wrong.keys() - {"bindings/c.yaml"}
    assert isinstance(told["bindings/b.yaml"], Mistake)
    assert told["bindings/b.yaml"].hint == "did you mean `hello`?"
    assert told["bindings/readme.md"].severity == "warning"


@pytest.mark.parametrize(
    ("bindings", "warned"),
    [
        ({"a": ("message.sent", "hello")}, {"a"}),
        ({"a": ("{message.failed: {workflow: hello}}", "hello")}, {"a"}),
        ({"a": ("{message.sent: {workflow: hello}}", "other")}, set()),
        ({"a": ("{message.sent: {workflow: hello}}", "other"), "b": ("trigger.completed", "hello")}, {"a", "b"}),
        (
            {
                "a": ("{message.sent: {workflow: hello}}", "other"),
                "b": ("{trigger.completed: {workflow: other}}", "hello"),
                "c": ("{message.sent: {workflow: third}}", "hello"),
            },
            {"a", "b"},
        ),
        ({"a": ("timer.fired", "hello"), "b": ("{bullmq: {queue: q}}", "hello")}, set()),
        ({"a": ("address.suppressed", "hello"), "b": ("webhook.disabled", "hello")}, set()),
    ],
)
def test_a_circle_is_warned_of(tmp_path: Path, bindings: dict[str, tuple[str, str]], warned: set[str]) -> None:
    other = "steps:\n  - channel: in_app\n"
    files: dict[str, str | bytes | None] = {}
    for name in ("other", "third"):
        files |= {f"workflows/{name}.yaml": other, f"templates/{name}/in_app.txt": "---\ntitle: Hi\n---\nHi\n"}
    for key, (on, workflow) in bindings.items():
        do = f"do:\n  - trigger: {{workflow: {workflow}, recipients: [\"'a'\"]}}\n"
        files[f"bindings/{key}.yaml"] = f"on: {on}\n{do}"
    project, found = load_project(build(tmp_path, files))
    assert project is not None, found
    assert {mistake.file for mistake in found} == {f"bindings/{key}.yaml" for key in warned}


ORDERS = "{stream: orders, subjects: [order.created, order.paid], durable: clarion}"


@pytest.mark.parametrize(
    ("a", "b", "wrong"),
    [
        (f"nats: {ORDERS}", f"nats: {ORDERS}", []),
        (f"nats: {ORDERS}", "nats: {stream: orders, subjects: [order.paid, order.created], durable: clarion}", []),
        (f"nats: {ORDERS}", "nats: {stream: orders, subjects: order.created, durable: other}", []),
        (
            f"nats: {ORDERS}",
            "nats: {stream: orders, durable: clarion, subjects: order.created}",
            ["2:44: `subjects` is not what bindings/a.yaml:2 says of the same source `nats:nats/orders/clarion`"],
        ),
        (
            f"nats: {ORDERS}",
            "nats:\n    stream: orders\n    subjects: [order.created, order.paid]\n    durable: clarion\n"
            "    deliver: new\n    max_ack_pending: 7",
            [
                "6:5: `deliver` is not what bindings/a.yaml:2 says of the same source",
                "7:5: `max_ack_pending` is not what bindings/a.yaml:2 says of the same source",
            ],
        ),
        (
            "rabbitmq: {queue: bookings, exchange: travel, routing_keys: 'b.*'}",
            "rabbitmq: {queue: bookings}",
            ["2:3: `exchange` is not what bindings/a.yaml:2 says", "2:3: `routing_keys` is not what"],
        ),
        ("bullmq: {queue: q, jobs: [x]}", "bullmq: {queue: q, jobs: [y]}", []),
        (
            "bullmq: {queue: q, jobs: [x]}",
            "bullmq: {queue: q, concurrency: 5}",
            ["2:22: `concurrency` is not what bindings/a.yaml:2 says of the same source `bullmq:redis/bull/q`"],
        ),
        ("bullmq: {queue: q}", "bullmq: {queue: q, prefix: other, concurrency: 5}", []),
    ],
)
def test_bindings_of_one_source_must_say_the_same_of_it(tmp_path: Path, a: str, b: str, wrong: list[str]) -> None:
    do = "do:\n  - trigger: {workflow: hello, recipients: [data.to]}\n"
    files: dict[str, str | bytes | None] = {
        "bindings/a.yaml": f"on:\n  {a}\n{do}",
        "bindings/b.yaml": f"on:\n  {b}\n{do}",
    }
    project, found = load_project(build(tmp_path, files))
    assert (project is None) == bool(wrong)
    assert len(found) == len(wrong), found
    for mistake, says in zip(found, wrong, strict=True):
        assert str(mistake).startswith(f"bindings/b.yaml:{says}"), mistake
        assert mistake.hint is not None and mistake.hint.endswith(("of its own", "only `jobs` may differ"))
