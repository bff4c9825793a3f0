"""What `clarion doctor` finds in DNS, asked from a server that answers over a socket."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.dns_server import dns_server

from clarion.channels.email.dkim_key import DkimKey, new_private_key
from clarion.cli.checkup import dns as dns_module
from clarion.cli.checkup.dmarc import aligned, organisation
from clarion.cli.checkup.finding import Finding, Level
from clarion.cli.checkup.names import check_names
from clarion.config import load_settings

#: A domain that anybody could have: names for examples are not looked up.
FROM = "hotel-of-tests.co.uk"
BACK = f"mail.{FROM}"
HOST = f"smtp.{FROM}"
Records = Mapping[str, Mapping[str, Sequence[str]]]


def txt(*texts: str) -> dict[str, Sequence[str]]:
    return {"TXT": [" ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255)) for text in texts]}


KEY, PEM = new_private_key()
DKIM = DkimKey(domain=FROM, selector="clarion1", key=KEY)
GOOD: Records = {
    HOST: {"A": ["198.51.100.7"], "AAAA": ["2001:db8::7"]},
    FROM: txt("v=spf1 ip4:198.51.100.0/24 -all"),
    BACK: {**txt("google-site-verification=x", f"v=spf1 a:{HOST} -all"), "MX": [f"10 in.{FROM}."]},
    f"in.{FROM}": {"A": ["198.51.100.9"]},
    f"_dmarc.{FROM}": txt("v=DMARC1; p=reject; rua=mailto:dmarc@hotel-of-tests.co.uk"),
    DKIM.name: txt(DKIM.record()),
}


async def examine(
    tmp_path: Path, records: Records, *, dkim: bool = True, bounce: str | None = f"bounces@{BACK}", **settings: Any
) -> dict[str, Finding]:
    """The findings by what was looked at."""
    given = {"CLARION_EMAIL_FROM": f"stay@{FROM}", "CLARION_SMTP_URL": f"smtp://{HOST}:587", **settings}
    if bounce is not None:
        given["CLARION_EMAIL_BOUNCE_ADDRESS"] = bounce
    text = ""
    if dkim:
        (tmp_path / "key.pem").write_bytes(PEM)
        text = f'[email.dkim."{FROM}"]\nselector = "clarion1"\nkey_file = "{tmp_path}/key.pem"\n'
    (tmp_path / "clarion.toml").write_text(text)
    async with dns_server(records) as server:
        found = [one async for one in check_names(load_settings({"project": tmp_path}, given), server.address)]
        assert all(count == 1 for (_, kind), count in server.asked.items() if kind == "TXT"), "asked once"
    assert len({one.what for one in found}) == len(found)
    return {one.what: one for one in found}


def levels(found: Mapping[str, Finding]) -> dict[str, str]:
    return {what: one.level.value for what, one in found.items()}


async def test_all_is_well(tmp_path: Path) -> None:
    found = await examine(tmp_path, GOOD)
    assert levels(found) == dict.fromkeys(
        (f"SPF of {BACK}", f"DKIM of {FROM}, clarion1", f"DMARC of {FROM}", f"From {FROM}", f"MX of {BACK}"), "ok"
    )
    assert found[f"SPF of {BACK}"].says == f"it covers {HOST}; 1 of 10 look-ups"
    assert "p=reject" in found[f"DMARC of {FROM}"].says


async def test_nothing_is_there_and_each_record_to_add_is_said(tmp_path: Path) -> None:
    found = await examine(tmp_path, {HOST: GOOD[HOST]})
    assert levels(found) == {
        **{f"SPF of {BACK}": "fail", f"DKIM of {FROM}, clarion1": "fail", f"DMARC of {FROM}": "warn"},
        f"MX of {BACK}": "fail",
    }
    hows = {what: one.how or "" for what, one in found.items()}
    assert hows[f"SPF of {BACK}"] == f'add to DNS: {BACK}. TXT "v=spf1 ip4:198.51.100.7 ip6:2001:db8::7 ~all"'
    assert DKIM.zone_line() in hows[f"DKIM of {FROM}, clarion1"]
    assert f'_dmarc.{FROM}. TXT "v=DMARC1; p=none' in hows[f"DMARC of {FROM}"]
    assert f"{BACK}. MX 10 " in hows[f"MX of {BACK}"]


def chain(length: int) -> Records:
    """Records that include each other one after the other."""
    names = [*(f"n{number}.spf.net" for number in range(length)), "end.spf.net"]
    found = {one: txt(f"v=spf1 include:{other} ?all") for one, other in itertools.pairwise(names)}
    return {**found, "end.spf.net": txt("v=spf1 ip4:198.51.100.7 ip6:2001:db8::7 -all")}


@pytest.mark.parametrize(
    ("more", "level", "says"),
    [
        ({BACK: txt("v=spf1 ip4:203.0.113.0/24 -all")}, Level.WARN, "does not cover smtp."),
        ({BACK: txt("v=spf1 include:n0.spf.net -all"), **chain(9)}, Level.OK, "10 of 10 look-ups"),
        ({BACK: txt("v=spf1 include:n0.spf.net -all"), **chain(10)}, Level.FAIL, "takes 11 look-ups"),
        ({BACK: txt("v=spf1 redirect=end.spf.net"), **chain(0)}, Level.OK, "1 of 10 look-ups"),
        ({BACK: txt("v=spf1 redirect=nowhere.net")}, Level.FAIL, "leads nowhere"),
        ({BACK: txt("v=spf1 include:nowhere.net -all")}, Level.FAIL, "nowhere.net, which has no SPF record"),
        ({BACK: txt(f"v=spf1 include:{BACK} -all")}, Level.FAIL, "part of it already"),
        ({BACK: txt("v=spf1 -all", "v=spf1 mx -all")}, Level.FAIL, "2 SPF records"),
        ({BACK: txt("v=spf1 exists:%{i}._spf.net -all")}, Level.WARN, "depends on exists:%{i}._spf.net"),
        ({BACK: txt("v=spf1 +all")}, Level.FAIL, "lets everybody"),
        ({BACK: txt("v=spf1 ip4:198.51.100.300 -all")}, Level.FAIL, "names no network"),
        ({BACK: txt("v=spf1 ipv4:198.51.100.7 -all")}, Level.FAIL, "no term of SPF"),
        ({BACK: txt(f"v=spf1 a:{HOST}")}, Level.WARN, "does not end in"),
        ({BACK: {**txt("v=spf1 mx//64 mx/24 -all"), "MX": [f"10 {HOST}."]}}, Level.OK, "2 of 10 look-ups"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_spf(tmp_path: Path, more: Records, level: Level, says: str) -> None:
    found = (await examine(tmp_path, {**GOOD, **more}))[f"SPF of {BACK}"]
    assert found.level is level, found
    assert says in found.says
    assert found.how or level is Level.OK


async def test_a_service_that_is_known_wants_to_be_included(tmp_path: Path) -> None:
    url: Any = {"CLARION_SMTP_URL": "smtp://smtp.gmail.com:587"}
    google: Records = {"smtp.gmail.com": {"A": ["203.0.113.5"]}, "_spf.google.com": txt("v=spf1 ip4:192.0.2.0/24 ~all")}
    found = (await examine(tmp_path, {**GOOD, **google}, **url))[f"SPF of {BACK}"]
    assert found.level is Level.FAIL
    assert "`include:_spf.google.com`" in (found.how or "")
    with_it: Records = {BACK: txt("v=spf1 include:_spf.google.com ~all")}
    assert (await examine(tmp_path, {**GOOD, **google, **with_it}, **url))[f"SPF of {BACK}"].level is Level.OK


@pytest.mark.parametrize(
    ("record", "level", "says"),
    [
        (DkimKey(domain=FROM, selector="x", key=new_private_key()[0]).record(), "fail", "another key"),
        ("v=DKIM1; k=rsa; p=", "fail", "revoked"),
        (DKIM.record().replace("; p=", "; t=y; p="), "warn", "t=y"),
        (DKIM.record().replace("p=", "p= ").replace("A", " A"), "ok", "RSA 2048"),
    ],
    ids=["another", "revoked", "trial", "blanks"],
)
async def test_dkim(tmp_path: Path, record: str, level: str, says: str) -> None:
    found = (await examine(tmp_path, {**GOOD, DKIM.name: txt(record)}))[f"DKIM of {FROM}, clarion1"]
    assert (found.level.value, says in found.says) == (level, True), found


@pytest.mark.parametrize(
    ("dmarc", "dkim", "bounce", "level", "says"),
    [
        ("v=DMARC1; p=reject; aspf=s", False, f"bounces@{BACK}", "fail", "must be the very same"),
        ("v=DMARC1; p=none; aspf=s", False, f"bounces@{BACK}", "warn", "must be the very same"),
        ("v=DMARC1; p=reject; aspf=s", True, f"bounces@{BACK}", "ok", "one of two"),
        ("v=DMARC1; p=reject; aspf=s", False, None, "ok", "one of two"),
        ("v=DMARC1; p=quarantine", False, "bounces@elsewhere-of-tests.com", "fail", "another organisation"),
    ],
)
async def test_from_agrees_with_what_receivers_check(
    tmp_path: Path, dmarc: str, dkim: bool, bounce: str | None, level: str, says: str
) -> None:
    more: Any = {
        f"_dmarc.{FROM}": txt(dmarc),
        "elsewhere-of-tests.com": {**txt(f"v=spf1 a:{HOST} -all"), "A": ["198.51.100.1"]},
    }
    found = (await examine(tmp_path, {**GOOD, **more}, dkim=dkim, bounce=bounce))[f"From {FROM}"]
    assert (found.level.value, says in found.says) == (level, True), found


@pytest.mark.parametrize(
    ("adkim", "level", "says", "agrees"),
    [("r", "ok", "as DNS has it", "ok"), ("s", "warn", "a signature of the very same domain", "fail")],
)
async def test_what_a_domain_above_signs_counts_unless_dmarc_is_strict(
    tmp_path: Path, adkim: str, level: str, says: str, agrees: str
) -> None:
    news = f"news.{FROM}"
    more = {f"_dmarc.{FROM}": txt(f"v=DMARC1; p=reject; aspf=s; adkim={adkim}")}
    found = await examine(tmp_path, {**GOOD, **more}, CLARION_EMAIL_FROM_DOMAINS=f"{FROM},{news}")
    signed = found[f"DKIM of {news}, by clarion1 of {FROM}"]
    assert (signed.level.value, says in signed.says) == (level, True), signed
    assert (found[f"From {news}"].level.value, found[f"From {FROM}"].level.value) == (agrees, "ok")


async def test_what_dns_says_that_receivers_do_not_take(tmp_path: Path) -> None:
    more = {f"_dmarc.{FROM}": txt("v=DMARC1; p=none", "v=DMARC1; p=reject"), BACK: {**GOOD[BACK], "MX": ["0 ."]}}
    found = await examine(tmp_path, {**GOOD, **more})
    assert found[f"DMARC of {FROM}"].level is found[f"MX of {BACK}"].level is Level.FAIL
    assert "takes no mail" in found[f"MX of {BACK}"].says
    odd = await examine(tmp_path, {**GOOD, f"_dmarc.{FROM}": txt("v=DMARC1; p=maybe")})
    assert odd[f"DMARC of {FROM}"].level is Level.FAIL


async def test_a_name_server_that_says_nothing_is_told_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_module, "_TIMEOUT_S", 0.1)
    monkeypatch.setattr(dns_module, "_LIFETIME_S", 0.2)
    found = await examine(tmp_path, {HOST: {"SILENT": []}})
    assert levels(found) == {"DNS": "warn"}
    assert HOST in found["DNS"].says


async def test_names_for_examples_are_not_looked_up_and_no_mail_needs_no_names(tmp_path: Path) -> None:
    assert await examine(tmp_path, {}, dkim=False, bounce=None, CLARION_EMAIL_FROM="stay@hotel.example") == {}
    (tmp_path / "clarion.toml").write_text("")
    async with dns_server({}) as server:
        settings = load_settings({"project": tmp_path}, {"CLARION_EMAIL_FROM": f"stay@{FROM}"})
        assert [one async for one in check_names(settings, server.address)] == []
        assert not server.asked


def test_an_organisation_is_what_was_registered() -> None:
    assert organisation(BACK) == organisation(FROM) == FROM
    assert organisation("a.b.shop.com") == "shop.com"
    assert aligned(FROM, BACK, strict=False) and not aligned(FROM, BACK, strict=True)
    assert not aligned("one.co.uk", "two.co.uk", strict=False)
