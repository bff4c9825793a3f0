"""A provider of another package, as the how-to shows it: found by its entry point, and used like any other."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command import clarion
from tests.support.docs import blocks
from tests.support.house import open_house
from tests.support.project import build
from tests.support.third_party import PAGE, TOKEN, CarrierCase, CarrierFake, installed, offered

from clarion.config import load_settings

FILES = {
    "workflows/ready.yaml": "steps: [{channel: sms}]\n",
    "templates/ready/sms.txt": "Your order is ready.",
}


async def test_a_message_goes_by_it(database: str, tmp_path: Path) -> None:
    with installed():
        async with CarrierFake() as carrier:
            account = {"kind": "carrier", "token": TOKEN, "from": "Shop", "base_url": carrier.url}
            env = {"CLARION_PROVIDERS": json.dumps({"main": account})}
            async with open_house(database, project=build(tmp_path, FILES), env=env) as house:
                trigger = await house.trigger({"recipients": [{"id": "ann", "phone": "+31612345678"}]}, "ready")
                await house.finished(trigger)
                message = (await house.messages(trigger))["ann", "sms"]
                assert (message["status"], message["provider"]) == ("sent", "carrier:main"), message
                assert carrier.ledger() == [{"id": message["provider_message_id"], "reference": _hex(message["id"])}]
                await house.check()


def _hex(id: str) -> str:
    return id.partition("_")[2]


def test_a_package_may_bring_its_case_for_the_suite() -> None:
    with installed():
        assert offered()["carrier"] is CarrierCase


async def test_its_settings_are_checked_as_all_are(tmp_path: Path) -> None:
    (text,) = (one for one in blocks(PAGE, "toml") if "token_file" in one)
    (tmp_path / "token").write_text(TOKEN + "\n")
    text = text.replace("/run/secrets/carrier-token", str(tmp_path / "token"))
    with installed() as folder:
        project = build(tmp_path / "p", FILES | {"clarion.toml": text})
        (account,) = load_settings({"project": project}, {}).providers
        assert (str(account), account["token"], account["base_url"]) == (
            "main (carrier)",
            TOKEN,
            "https://api.carrier.example",
        )
        env = {"PYTHONPATH": str(folder)}
        assert (await clarion("check", "--project", str(project), settings=env)).code == 0
        build(project, FILES | {"clarion.toml": text.replace("from", "form")})
        refused = await clarion("check", "--project", str(project), settings=env)
    assert refused.code == 1
    assert "did you mean `from`?" in refused.out + refused.err
    assert TOKEN not in refused.out + refused.err
