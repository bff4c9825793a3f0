"""Routes in ``clarion.toml`` and in the environment: what they come to, every fault with its line."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.project import build
from tests.support.push import SUBJECT, VAPID_KEY

from clarion.config import Settings, load_settings
from clarion.connections import accounts_of, breaker_limits, routes_of
from clarion.dev.fakes.fcm import FcmFake
from clarion.domain.balance import Rules
from clarion.domain.breaker import Limits
from clarion.domain.route import Route
from clarion.errors import ConfigError

SID = "AC" + "0" * 32
ACCOUNT = f'kind = "twilio"\naccount_sid = "{SID}"\nauth_token = "{"c0ffee" * 5}ab"\nfrom = "+15017122661"\n'
A, B, C = "twilio:a", "twilio:b", "twilio:c"
THREE = "".join(f"[providers.{name}]\n{ACCOUNT}" for name in "abc")
ONE = f"[providers.a]\n{ACCOUNT}"


def _load(folder: Path, toml: str = "", **environ: str) -> Settings:
    return load_settings({"project": build(folder, {"clarion.toml": toml})}, environ)


def _refused(folder: Path, toml: str = "", **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(folder, toml, **environ)
    return caught.value.message.split("\n")


@pytest.mark.parametrize("toml", [ONE, ONE + '[sms]\nprovider = "a"\n', ONE + '[sms]\nproviders = ["a"]\n'])
def test_one_account_is_a_route_by_itself(tmp_path: Path, toml: str) -> None:
    assert routes_of(_load(tmp_path, toml), "sms") == (Route(accounts=(A,)),)


def test_several_in_order(tmp_path: Path) -> None:
    settings = _load(tmp_path, THREE + '[sms]\nproviders = ["c", "a"]\n')
    assert routes_of(settings, "sms") == (Route(accounts=(C, A)),)
    assert [account.label for account in accounts_of(settings, "sms")] == [C, A]
    assert routes_of(_load(tmp_path), "sms") == ()


def test_a_token_says_for_which_kind_of_account_it_is(tmp_path: Path) -> None:
    """So that nothing is to be chosen where no two are of one kind."""
    web = f'kind = "webpush"\nprivate_key = "{VAPID_KEY}"\nsubject = "{SUBJECT}"\n'
    two = f"[providers.web]\n{web}" + "[providers.phones]\nkind = \"fcm\"\nservice_account = '''{key}'''\n"
    toml = two.replace("{key}", FcmFake(port=1).service_account)
    assert routes_of(_load(tmp_path, toml), "push") == (Route(accounts=("webpush:web", "fcm:phones")),)
    assert routes_of(_load(tmp_path, '[push]\nprovider = "web"\n' + toml), "push") == (
        Route(accounts=("webpush:web",)),
    )
    (said,) = _refused(tmp_path, toml + f"[providers.again]\n{web}")
    assert "there are several accounts for push messages: again, phones, web; name one" in said


def test_conditions_and_weights_and_behind_them_the_channels_own(tmp_path: Path) -> None:
    toml = THREE + (
        '[sms]\nprovider = "a"\n[[routes.sms]]\nwhen = "recipient.country == \'NL\'"\nproviders = ["b"]\n'
        '[[routes.sms]]\nwhen = "category == \'ads\'"\nproviders = ["c", "b"]\nweights = [80, 20]\n'
    )
    settings = _load(tmp_path, toml)
    first, second, rest = routes_of(settings, "sms")
    assert (first.accounts, first.weights, first.name) == ((B,), (), "route 1")
    assert first.when is not None
    assert (second.accounts, second.weights) == ((C, B), (80, 20))
    assert (rest.accounts, rest.when) == ((A,), None)
    assert [account.label for account in accounts_of(settings, "sms")] == [A, C, B], "the usual one first"


def test_a_route_without_a_condition_takes_all(tmp_path: Path) -> None:
    (route,) = routes_of(_load(tmp_path, THREE + '[[routes.sms]]\nproviders = ["a", "b"]\nweights = [1, 3]\n'), "sms")
    assert (route.accounts, route.weights) == ((A, B), (1, 3))


def test_json_of_the_environment(tmp_path: Path) -> None:
    routes = json.dumps({"sms": [{"providers": ["b"], "when": "tenant == 'shop'"}]})
    settings = _load(tmp_path, THREE, CLARION_ROUTES=routes, CLARION_SMS_PROVIDERS="c,a")
    assert [route.accounts for route in routes_of(settings, "sms")] == [(B,), (C, A)]
    assert "expected JSON" in _refused(tmp_path, THREE, CLARION_ROUTES="sms")[0]


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ('providers = ["a"]\nweight = [1]', "unknown setting `weight`; did you mean `weights`?"),
        ("when = \"recipient.country == 'NL'\"", "`providers` is a list of names of accounts"),
        ('providers = "a"', "`providers` is a list of names of accounts"),
        ("providers = []", "`providers` has 1 to 16 names"),
        ('providers = ["a", "a"]', "`providers` names one twice"),
        ('providers = ["a", "b"]\nweights = [1]', "`weights` has 1 numbers for 2 providers"),
        ('providers = ["a", "b"]\nweights = [1, -1]', "`weights` is a list of whole numbers"),
        ('providers = ["a", "b"]\nweights = [true, 1]', "`weights` is a list of whole numbers"),
        ('providers = ["a", "b"]\nweights = [0, 0]', "`weights` gives nobody anything"),
        ('providers = ["a"]\nwhen = ""', "`when` is a condition"),
        ('providers = ["a"]\nwhen = "recipient.county == \'NL\'"', "did you mean `country`?"),
        ('providers = ["a"]\nwhen = "payload.amount > 5"', "`payload` is not known here"),
        ('providers = ["a"]\nwhen = "recipient.country =="', "`when`: line 1, column"),
        ('providers = ["aa"]', "there is no table [providers.aa] of a kind for text messages; did you mean `a`?"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, route: str, says: str) -> None:
    toml = '[sms]\nproviders = ["a", "b"]\n[[routes.sms]]\nproviders = ["b"]\nwhen = "tenant == \'x\'"\n'
    toml += f"\n[[routes.sms]]\n{route}\n" + ('when = "true"\n' if "when" not in route else "") + THREE
    (told,) = _refused(tmp_path, toml)
    at = 7 + next((n for n, line in enumerate(route.splitlines()) if f"`{line.split(' ')[0]}`" in told), -1) + 1
    assert told.startswith((f"clarion.toml:{at}: ", "clarion.toml:7: "))
    assert says in told


def test_what_is_wrong_hides_nothing_else(tmp_path: Path) -> None:
    toml = (
        '[[routes.sms]]\nproviders = ["a", "a"]\nweights = [0]\nwhen = "recipient.country = 1"\nbalance = {slow = 5}\n'
    )
    said = _refused(tmp_path, toml + 'weight = 1\n[[routes.smss]]\nproviders = ["a"]\n' + THREE)
    assert [line.partition(": ")[0] for line in said] == [f"clarion.toml:{n}" for n in (6, 2, 3, 4, 5, 7)], said
    assert "did you mean `==`?" in said[3]


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('[sms]\nprovider = "a"\nproviders = ["b"]\n', "clarion.toml:3: `sms.provider` is set too"),
        ('[sms]\nproviders = ["a", "d"]\n', "clarion.toml:2: sms.providers: there is no table [providers.d]"),
        ('[sms]\nproviders = ["a", "a"]\n', "clarion.toml:2: sms.providers names one twice"),
        (
            "",
            "there are several accounts for text messages: a, b, c; name one as `provider`, or several as `providers`",
        ),
        (
            '[[routes.sms]]\nproviders = ["a"]\n[[routes.sms]]\nproviders = ["b"]\nwhen = "true"\n',
            "route 1: it has no `when`, so that those behind it are never tried",
        ),
        (
            '[[routes.sms]]\nproviders = ["a"]\nwhen = "true"\n',
            "clarion.toml:1: routes.sms: nothing says which account carries what no route takes",
        ),
        (
            '[sms]\nprovider = "a"\n[[routes.sms]]\nproviders = ["b"]\n',
            "clarion.toml:3: routes.sms: it takes all that is left",
        ),
        ('[[routes.smss]]\nproviders = ["a"]\n[sms]\nprovider = "a"\n', "did you mean `sms`?"),
        ('[routes]\nsms = "a"\n[sms]\nprovider = "a"\n', "expected 1 to 50 tables [[routes.sms]]"),
        ('routes = "a"\n[sms]\nprovider = "a"\n', "expected JSON"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path: Path, toml: str, says: str) -> None:
    assert any(says in line for line in _refused(tmp_path, toml + THREE)), _refused(tmp_path, toml + THREE)


def test_the_breaker_has_the_defaults_of_its_rules(tmp_path: Path) -> None:
    assert breaker_limits(_load(tmp_path)) == Limits()
    assert breaker_limits(_load(tmp_path, "[breaker]\nfailures = 20\ncalls = 3\n")) == Limits(failures=0.2, calls=3)


def test_weights_may_give_way(tmp_path: Path) -> None:
    table = '[[routes.sms]]\nproviders = ["a", "b"]\nweights = [80, 20]\n'
    (route,) = routes_of(_load(tmp_path, f"{table}balance = true\n{THREE}"), "sms")
    assert route.balance == Rules()
    (route,) = routes_of(_load(tmp_path, f'{table}balance = {{slow = "2s", share = 30, points = 5}}\n{THREE}'), "sms")
    assert route.balance == Rules(slow=timedelta(seconds=2), share=0.3, points=5.0)
    (route,) = routes_of(_load(tmp_path, f"{table}balance = false\n{THREE}"), "sms")
    assert route.balance is None


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ('providers = ["a", "b"]\nbalance = true', "`balance` moves `weights`"),
        ('providers = ["a"]\nweights = [1]\nbalance = true', "`balance` moves `weights`"),
        ('providers = ["a", "b"]\nweights = [1, 1]\nbalance = "yes"', "`balance` is true, or a table"),
        ('providers = ["a", "b"]\nweights = [1, 1]\nbalance = {slows = "1s"}', "did you mean `slow`"),
        ('providers = ["a", "b"]\nweights = [1, 1]\nbalance = {slow = 5}', "is a length from 10ms"),
        ('providers = ["a", "b"]\nweights = [1, 1]\nbalance = {slow = "11m"}', "is a length from 10ms"),
        ('providers = ["a", "b"]\nweights = [1, 1]\nbalance = {share = 0}', "from 1 to 100"),
        ('providers = ["a", "b"]\nweights = [1, 1]\nbalance = {points = true}', "from 1 to 100"),
    ],
)
def test_what_is_wrong_with_a_balance_is_said(tmp_path: Path, route: str, says: str) -> None:
    refused = _refused(tmp_path, f"[[routes.sms]]\n{route}\n{THREE}")
    assert any(says in line for line in refused), refused
