"""Every kind of provider is in both suites that try what servers and networks do, and the page says of which."""

from __future__ import annotations

from tests.acceptance.faults.test_providers import TORTURED
from tests.contract.providers.test_http_providers import CASES
from tests.support import tortured_http, tortured_smtp
from tests.support.docs import page

from clarion.channels.kinds import kinds

#: They have suites of their own: see the page.
_APART = {"smtp", "apprise"}
#: No kinds: the channel of recipients' own programs, and another way to speak to the same server.
_MORE = {"webhook", "smtp, one command at a time"}
FAULTS = page("explanation/provider-faults.md")


def test_no_kind_is_left_out() -> None:
    assert set(kinds()) == (set(CASES) - {"third party"}) | _APART
    assert set(kinds()) | _MORE == set(TORTURED)


def test_the_page_says_which_kinds_are_excepted_and_has_figures_of_all() -> None:
    silent = {name for name, case in CASES.items() if case.is_theirs or not case.names_messages}
    assert f"not {', '.join(f'`{name}`' for name in sorted(silent))}" in FAULTS
    assert [name for name in TORTURED if f"| `{name}` |" not in FAULTS] == []


def test_the_torture_has_each_status_of_the_suite() -> None:
    statuses = {fault.status for fault in tortured_http.SPOILT}
    assert {200, 202, 204, 301, 400, 401, 403, 404, 405, 409, 410, 413, 429, 500, 502, 503, 504} <= statuses


def test_the_torture_of_smtp_has_each_fault_at_each_point() -> None:
    spoilt = tortured_smtp.SPOILT
    assert {"connect", "greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dot"} <= set(spoilt)
    for at in ("mail", "rcpt", "data", "dot"):
        assert {421, 450, 451, 452, 550, 552, 554, "hang", "reset"} <= set(spoilt[at])
    assert ("drip" in spoilt["greeting"], "close" in spoilt["replied"], "stranger" in spoilt["starttls"]) == (True,) * 3
