"""What every provider that speaks HTTP must do, whatever its server and the network do (PROMISES, "Faults to inject").

After each fault the provider's ledger and the outcomes agree, both ways: what is `Sent` was taken, under that id; what
is to be tried again or was refused, was not taken; only of what is `Uncertain` nobody knows.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support import providers
from tests.support.chats import CHAT_CASES
from tests.support.endpoint import Answer, EndpointServer, cut, hang, raw, status
from tests.support.providers import SHORT, Case
from tests.support.push import PUSH_CASES
from tests.support.smtp_certificate import make_certificate, server_context
from tests.support.third_party import CarrierCase, offered

from clarion import clock
from clarion.channels.base import Provider
from clarion.dev.fakes.faults import Fault, How
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.client import Patience
from clarion.http.outcome import LONGEST_WAIT
from clarion.http.progress import MOST_READ

ANSWER = How.ANSWER
LONGER = Patience(total=timedelta(seconds=3))
CASES: Mapping[str, type[Case]] = {
    **{**providers.CASES, **PUSH_CASES, **CHAT_CASES},
    **{"third party": CarrierCase, **offered()},
}


@pytest.fixture(params=sorted(CASES))
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """Each kind of provider in turn, with its fake running."""
    case = CASES[request.param]()
    async with case.running():
        yield case


@pytest.fixture(params=sorted(name for name in CASES if not CASES[name].is_theirs))
async def own(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """The same of those whose server is named by an operator: what it says concerns everybody."""
    case = CASES[request.param]()
    async with case.running():
        yield case


@pytest.fixture(params=sorted(name for name in CASES if not CASES[name].is_theirs and CASES[name].names_messages))
async def naming(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """Those of these that name what they have taken."""
    case = CASES[request.param]()
    async with case.running():
        yield case


@pytest.fixture(params=sorted(name for name in CASES if CASES[name].is_theirs))
async def theirs(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """And of those whose server is named by users."""
    case = CASES[request.param]()
    async with case.running():
        yield case


async def _outcome(case: Case, provider: Provider[Any] | None = None) -> Outcome:
    """The outcome of one message; checks that it says what the ledger says."""
    before = len(case.taken())
    provider = provider or case.provider()
    try:
        (outcome,) = await provider.send([case.item()])
    finally:
        await provider.close()
    taken = case.taken()[before:]
    if isinstance(outcome, Sent):
        assert taken == [outcome.provider_id]
    elif not isinstance(outcome, Uncertain | _again(case)):
        assert taken == [], outcome
    assert not [secret for secret in case.secrets if secret in f"{outcome!r} {provider!r} {vars(provider)!r}"]
    return outcome


def _again(case: Case) -> type[Outcome]:
    """What a server that may have taken a message means: a repetition harms only where it would not be known."""
    return Retry if case.idempotent else Uncertain


async def test_what_is_sent_was_taken_under_its_id(case: Case) -> None:
    assert isinstance(await _outcome(case), Sent)
    assert len(case.taken()) == 1


async def test_each_of_many_has_its_own_outcome_in_their_order(case: Case) -> None:
    provider = case.provider()
    outcomes = await provider.send([case.item(refused=n % 3 == 0) for n in range(60)])
    await provider.close()
    assert [isinstance(outcome, Reject) for outcome in outcomes] == [n % 3 == 0 for n in range(60)]
    sent = [outcome.provider_id for outcome in outcomes if isinstance(outcome, Sent)]
    assert sorted(sent) == sorted(case.taken())
    assert len(set(sent)) == 40


async def test_a_recipient_who_is_refused_for_good_has_a_code(case: Case) -> None:
    provider = case.provider()
    (outcome,) = await provider.send([case.item(refused=True)])
    await provider.close()
    assert isinstance(outcome, Reject)
    assert outcome.code == case.refused_as
    assert case.taken() == []


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("how", [How.RESET, How.CLOSE, How.HANG])
async def test_a_lost_answer_leaves_it_open(case: Case, how: How, taken: bool) -> None:
    case.faults.add(Fault(how=how, taken=taken))
    outcome = await _outcome(case, case.provider(patience=SHORT) if how is How.HANG else None)
    assert isinstance(outcome, Uncertain), outcome
    assert len(case.taken()) == taken


async def test_a_late_answer_counts(case: Case) -> None:
    case.faults.add(Fault(how=How.LATE, delay_s=0.2))
    assert isinstance(await _outcome(case), Sent)


@pytest.mark.parametrize("status", [500, 502, 504, 599])
@pytest.mark.parametrize("taken", [False, True])
async def test_a_server_that_fails_at_it_may_have_taken_it(case: Case, status: int, taken: bool) -> None:
    case.faults.add(Fault(how=ANSWER, status=status, taken=taken, body='{"code": 20500, "message": "oops"}'))
    assert isinstance(await _outcome(case), _again(case))


async def test_what_is_sent_again_is_taken_once_where_that_is_said(case: Case) -> None:
    if not case.idempotent:
        return
    provider, item = case.provider(), case.item()
    case.faults.add(Fault(how=How.RESET, taken=True), Fault(how=ANSWER, status=500, taken=True))
    outcomes = [(await provider.send([item]))[0] for _ in range(3)]
    await provider.close()
    assert [type(outcome) for outcome in outcomes] == [Uncertain, Retry, Sent]
    assert len(case.taken()) == 1


@pytest.mark.parametrize("body", ["", "<html>OK</html>", "{}", "[]", '{"sid": null}', '{"sid": 7}', '{"sid": "no"}'])
@pytest.mark.parametrize("status", [200, 201, 202])
async def test_a_success_that_names_no_message_is_none(naming: Case, status: int, body: str) -> None:
    naming.faults.add(Fault(how=ANSWER, status=status, taken=True, body=body))
    assert isinstance(await _outcome(naming), Uncertain)


async def test_no_content_names_no_message(case: Case) -> None:
    case.faults.add(Fault(how=ANSWER, status=204, taken=True))
    assert isinstance(await _outcome(case), Uncertain)


async def test_an_error_inside_a_success_is_the_error(naming: Case) -> None:
    naming.faults.add(Fault(how=ANSWER, status=200, body=naming.error()))
    outcome = await _outcome(naming)
    assert isinstance(outcome, Reject)
    assert outcome.code == naming.refused_as


@pytest.mark.parametrize("status", [400, 409, 410, 413, 415, 422])
async def test_what_is_wrong_with_the_message_ends_it(case: Case, status: int) -> None:
    case.faults.add(Fault(how=ANSWER, status=status, body="no\x00pe"))
    outcome = await _outcome(case)
    assert isinstance(outcome, Reject)
    assert "\x00" not in outcome.reason
    gone = case.is_theirs and status == 410
    assert outcome.code == ("too_large" if status == 413 else "unregistered" if gone else "rejected")


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_what_is_wrong_with_the_account_burns_no_message(own: Case, status: int) -> None:
    own.faults.add(Fault(how=ANSWER, status=status))
    outcome = await _outcome(own)
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.pause_provider) == (timedelta(minutes=1), True)
    assert str(status) in outcome.reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_burns_no_message(case: Case, status: int) -> None:
    async with EndpointServer() as inside:
        location = {"location": f"http://127.0.0.1:{inside.port}/"}
        case.faults.add(Fault(how=ANSWER, status=status, headers=location))
        outcome = await _outcome(case)
        assert isinstance(outcome, Reject if case.is_theirs else Retry)
        assert isinstance(outcome, Reject) or outcome.pause_provider
        assert inside.connections == 0


@pytest.mark.parametrize(
    ("given", "waits"),
    [
        (None, None),
        ("7", timedelta(seconds=7)),
        ("-5", None),
        ("0", None),
        ("soon", None),
        ("1000000000", LONGEST_WAIT),
        ("date", timedelta(seconds=90)),
    ],
)
async def test_too_many_requests_make_everybody_wait(case: Case, given: str | None, waits: timedelta | None) -> None:
    if given == "date":
        given = format_datetime(clock.now() + timedelta(seconds=90), usegmt=True)
    headers = {} if given is None else {"retry-after": given}
    case.faults.add(Fault(how=ANSWER, status=429, headers=headers, body="slow down"))
    outcome = await _outcome(case)
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider is not case.is_theirs
    assert outcome.blameless, "who is only busy opens no breaker"
    assert outcome.after is not None
    if waits is None:
        assert timedelta(0) < outcome.after <= timedelta(minutes=1)
    else:
        assert waits - timedelta(seconds=3) <= outcome.after <= waits


async def test_an_unavailable_service_is_tried_again(case: Case) -> None:
    case.faults.add(Fault(how=ANSWER, status=503))
    outcome = await _outcome(case)
    assert isinstance(outcome, Retry)
    assert not outcome.pause_provider
    case.faults.add(Fault(how=ANSWER, status=503, headers={"retry-after": "30"}))
    outcome = await _outcome(case)
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.pause_provider) == (timedelta(seconds=30), not case.is_theirs)


@pytest.mark.parametrize("how", [How.ENDLESS, How.HUGE, How.GZIP_BOMB, How.DRIP])
async def test_an_answer_without_end_is_not_read_and_its_status_decides(case: Case, how: How) -> None:
    for code, expected in ((206, Uncertain), (400, Reject), (503, Retry)):
        # What drips is read until patience ends, which may be before the status comes where the machine is busy.
        for patience in (SHORT, LONGER) if how is How.DRIP else (None,):
            case.faults.add(Fault(how=how, status=code, taken=code == 206))
            began = clock.monotonic()
            outcome = await _outcome(case, case.provider(patience=patience) if patience else None)
            assert clock.monotonic() - began < 4
            if "no answer within" not in str(outcome):
                break
        assert isinstance(outcome, expected), outcome
        assert len(str(outcome)) < 500 < MOST_READ


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (cut, Uncertain),
        (raw(b"\x00\x01 what is this\r\n\r\n"), Uncertain),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"), Uncertain),
        (raw(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000), Uncertain),
        (status(206, body=b'{"sid": "SM'), Uncertain),
    ],
)
async def test_what_is_no_answer_leaves_it_open(case: Case, answer: Answer, expected: type) -> None:
    async with EndpointServer(answer=answer) as server:
        outcome = await _outcome(case, case.provider(f"http://127.0.0.1:{server.port}"))
    assert isinstance(outcome, Retry if case.greets else expected), outcome


async def test_what_never_arrived_is_tried_again(case: Case) -> None:
    async with EndpointServer() as other:
        nobody = other.port
    assert isinstance(await _outcome(case, case.provider(f"http://127.0.0.1:{nobody}")), Retry)
    # It does not speak TLS: the handshake gets no answer, and nothing was sent.
    async with EndpointServer(answer=hang) as mute:
        outcome = await _outcome(case, case.provider(f"https://127.0.0.1:{mute.port}", SHORT))
        assert isinstance(outcome, Retry)
        assert mute.posted == []
    assert isinstance(await _outcome(case, case.provider("https://nowhere.invalid", SHORT)), Retry)


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(case: Case, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    async with EndpointServer(tls=server_context(certificate, key), answer=status(206)) as server:
        url = f"https://127.0.0.1:{server.port}"
        assert isinstance(await _outcome(case, case.provider(url)), Retry)
        assert server.posted == []
        trusting = ssl.create_default_context(cafile=str(certificate))
        outcome = await _outcome(case, case.provider(url, tls=trusting))
        assert isinstance(outcome, Retry if case.greets else Uncertain)
        assert server.names[-1:] == [None], "it was let in"


async def test_proxies_of_the_environment_are_passed_by(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    async with EndpointServer() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert isinstance(await _outcome(case), Sent)
        assert proxy.connections == 0


async def test_a_server_that_hangs_is_given_a_rest_and_holds_up_no_other_account(case: Case) -> None:
    """A list of two hundred does not wait two hundred times for nothing."""
    case.faults.lasting = Fault(how=How.HANG)
    hanging = case.provider(patience=SHORT)
    began = clock.monotonic()
    other = type(case)()
    async with other.running(), asyncio.TaskGroup() as group:
        # Where many go together, packing two hundred times as many would take longer than a request has.
        many = 200 if case.together == 1 else 30 * case.together
        slow = group.create_task(hanging.send([case.item() for _ in range(many)]))
        assert isinstance(await _outcome(other), Sent)
    outcomes = slow.result()
    await hanging.close()
    assert clock.monotonic() - began < 8
    assert {type(outcome) for outcome in outcomes} == {Uncertain, Retry}
    assert sum(isinstance(outcome, Uncertain) for outcome in outcomes) <= 45 * case.together
    untried = next(outcome for outcome in outcomes if isinstance(outcome, Retry))
    assert (untried.after, untried.pause_provider) == (timedelta(seconds=30), not case.is_theirs)
    assert case.taken() == []


async def test_after_any_mixture_of_faults_ledger_and_outcomes_agree(case: Case) -> None:
    kinds = [Fault(how=How.RESET, taken=True), Fault(how=How.CLOSE), Fault(how=ANSWER, status=500, taken=True)]
    kinds += [Fault(how=ANSWER, status=429), Fault(how=ANSWER, status=400), Fault(how=How.LATE, delay_s=0.05)]
    case.faults.add(*(kinds * 5))
    provider = case.provider()
    items = [case.item() for _ in range(60)]
    outcomes = [(await provider.send([item]))[0] for item in items]
    await provider.close()
    sent = {outcome.provider_id for outcome in outcomes if isinstance(outcome, Sent)}
    unknown = sum(isinstance(outcome, Uncertain | _again(case)) for outcome in outcomes)
    taken = set(case.taken())
    assert sent <= taken
    assert len(taken - sent) <= unknown
    assert len(sent) == 35
    assert len(taken) == 45


@pytest.mark.parametrize("how", [How.RESET, How.HANG, ANSWER])
async def test_a_server_that_users_name_says_nothing_against_the_account(theirs: Case, how: How) -> None:
    """No breaker opens for it."""
    theirs.faults.add(*(Fault(how=how, status=status) for status in (500, 401, 429, 503)))
    provider = theirs.provider(patience=SHORT)
    outcomes = await provider.send([theirs.item() for _ in range(4)])
    await provider.close()
    assert all(isinstance(one, Retry | Uncertain) and one.blameless for one in outcomes), outcomes
