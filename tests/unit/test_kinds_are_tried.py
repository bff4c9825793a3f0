"""Every kind of provider is in both suites that try what servers and networks do, and the page says of which."""

from __future__ import annotations

from tests.acceptance.faults.test_providers import CASES as TORTURED
from tests.acceptance.faults.test_providers import SPOILT
from tests.contract.providers.test_http_providers import CASES
from tests.support.docs import page

from clarion.channels.kinds import kinds

#: They have suites of their own: see the page.
_APART = {"smtp", "apprise"}
FAULTS = page("explanation/provider-faults.md")


def test_no_kind_is_left_out() -> None:
    assert set(kinds()) == (set(CASES) - {"third party"}) | _APART
    assert set(kinds()) == set(TORTURED) | {"smtp"}


def test_the_page_says_which_kinds_are_excepted_and_has_figures_of_all() -> None:
    silent = {name for name, case in CASES.items() if case.is_theirs or not case.names_messages}
    assert f"not {', '.join(f'`{name}`' for name in sorted(silent))}" in FAULTS
    assert [name for name in TORTURED if f"| `{name}` |" not in FAULTS] == []


def test_the_torture_has_each_status_of_the_suite() -> None:
    statuses = {fault.status for fault in SPOILT}
    assert {200, 202, 204, 301, 400, 401, 403, 404, 405, 409, 410, 413, 429, 500, 502, 503, 504} <= statuses
