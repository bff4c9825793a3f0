"""The mail server misbehaves in every phase: what was certainly not taken is sent again, what is in doubt says so."""

from __future__ import annotations

import pytest
from tests.support.cluster import Cluster, people
from tests.support.oracle import assert_survived
from tests.support.together import Together
from tests.support.wait import wait_until


@pytest.fixture
def lease() -> str:
    return "20s"  # nobody dies here, and no busy machine must make it seem so


def _each(do: str, *points: str, **more: object) -> tuple[str, ...]:
    """The same fault at each of these points, after a few mails."""
    further = "".join(f",{name}={value}" for name, value in more.items())
    return tuple(f"at={at},do={do},times=2,skip=2{further}" for at in points)


#: Certainly before the mail was taken.
BEFORE_THE_DOT = {
    "refused at first": (),
    "silent": ("at=greeting,do=hang,times=2", "at=ehlo,do=hang,times=1", "at=mail,do=hang,times=1,skip=3"),
    "broken, one command at a time": (
        *_each("reset", "connect", "greeting", "ehlo", "mail", "rcpt", "data"),
        *_each("reply", "greeting", "ehlo", "mail", "rcpt", "data", "dot", code=451),
        *_each("reply", "mail", "rcpt", "data", "dot", code=421),
    ),
    "broken, pipelining": (
        *_each("reset", "connect", "greeting", "ehlo"),
        *_each("reply", "greeting", "ehlo", "mail", "rcpt", "data", "dot", code=451),
        *_each("reply", "mail", "rcpt", "data", "dot", code=421),
        *_each("close", "replied"),
    ),
}
#: After the dot was handed over: nobody can know. A short message's dot is on its way with it.
IN_DOUBT = {"reset": _each("reset", "body", "dot", "accepted"), "silent": _each("hang", "dot", "accepted")}


async def test_what_was_certainly_not_taken_is_sent_again_once(together: Together) -> None:
    await together.play(_not_taken, BEFORE_THE_DOT)


async def test_what_is_in_doubt_is_labelled_or_held(together: Together) -> None:
    await together.play(_in_doubt, IN_DOUBT)


async def _not_taken(cluster: Cluster, what: str) -> None:
    await _sent(cluster, what, BEFORE_THE_DOT[what])
    findings = await assert_survived(cluster)
    assert findings.statuses == {"sent": 30}
    assert (findings.receipts, findings.labelled) == (30, 0)


async def _in_doubt(cluster: Cluster, what: str) -> None:
    await _sent(cluster, what, IN_DOUBT[what])
    findings = await assert_survived(cluster)
    assert findings.labelled + findings.statuses["unknown"] >= 1


async def test_a_reset_takes_the_answer_to_the_mail_before_along(cluster: Cluster) -> None:
    """Pipelined, the commands of a mail come behind the dot of the one before: whether its answer arrives is chance."""
    await _sent(cluster, "", tuple(f"at={at},do=reset,times=2,skip=2" for at in ("mail", "rcpt", "data")))
    await assert_survived(cluster)


async def test_what_is_refused_for_good_fails_alone(cluster: Cluster) -> None:
    """One address unknown, another one's mail refused after the dot; the others are none the worse."""
    await cluster.sink(
        "at=rcpt,do=reply,code=550,to=again00003@guests.example", "at=dot,do=reply,code=554,to=held00004@guests.example"
    )
    for workflow, who in (("mail-retry", "again"), ("mail-hold", "held")):
        await cluster.trigger(workflow, people(who, 15))
    await cluster.worker()
    findings = await assert_survived(cluster, ends=["sent", "failed"])
    assert findings.statuses == {"sent": 28, "failed": 2}
    failed = await cluster.pool.fetch("SELECT recipient_id, reason FROM message WHERE status = 'failed' ORDER BY 1")
    assert [row["recipient_id"] for row in failed] == ["again00003", "held00004"]
    assert failed[0]["reason"].startswith("invalid_recipient: RCPT: 550")
    assert failed[1]["reason"].startswith("rejected: the final dot: 554")


async def _sent(cluster: Cluster, what: str, faults: tuple[str, ...]) -> None:
    sink = await cluster.sink(*faults, pipelining="one command at a time" not in what)
    for workflow, who in (("mail-retry", "again"), ("mail-hold", "held")):
        await cluster.trigger(workflow, people(who, 15))
    if what == "refused at first":
        await sink.stop()
    await cluster.worker(mutations=["impatient"], email_connections="3")
    if what == "refused at first":
        await wait_until(lambda: "onnect" in cluster.log(), 30, "the worker notices that nobody is there")
        await cluster.sink()
