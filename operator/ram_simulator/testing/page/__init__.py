"""The page of the control service for people: what there is, who is attached to what, and the last calls.

One HTML document that needs nothing from elsewhere, refreshes itself and can change nothing.
"""

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.switches import SWITCHES
from ram_simulator.testing.page.markup import text
from ram_simulator.testing.page.style import STYLE
from ram_simulator.testing.page.tables import sections
from ram_simulator.testing.simulator import Simulator

_REFRESH_SECONDS = 5
# the browser learns that nothing but this style belongs to the page
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def page_of(simulator: Simulator, *, changes_only: bool = False) -> str:
    """Return the page as it is now, with all of the last calls or with writes and refusals only."""
    tables = sections(simulator, changes_only=changes_only)
    links = "".join(
        f'<a href="#{section.anchor}">{text(section.title)} <span class="note">{section.count}</span></a>'
        for section in tables
    )
    body = (
        f"<h1>ram-simulator</h1>{_facts(simulator)}{_set(simulator)}<nav>{links}</nav>"
        f"{''.join(section.html() for section in tables)}"
        f'<p class="note">This page refreshes itself every {_REFRESH_SECONDS} seconds and changes nothing.</p>'
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
        f"<title>ram-simulator</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )


def _facts(simulator: Simulator) -> str:
    now = simulator.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC")
    return f'<p class="note">account {text(simulator.cloud.account.account_id)} · {now}</p>'


def _set(simulator: Simulator) -> str:
    """Tell what somebody has set, which surprises whoever has forgotten it."""
    shown = [_fault(fault) for fault in simulator.faults.shown()]
    if simulator.clock.advanced:
        shown.append(f"The clock is {simulator.clock.advanced:g} seconds ahead.")
    values = simulator.switches.shown()
    shown += [
        f"Switch {name} is {values[name]}, not {switch.default}."
        for name, switch in SWITCHES.items()
        if values[name] != switch.default
    ]
    return f'<p class="set">{"<br>".join(map(text, shown))}</p>' if shown else ""


def _fault(fault: Answer) -> str:
    how = {name: value for name, value in fault.items() if name not in ("action", "params", "count", "message")}
    which = "any action" if fault["action"] == "*" else fault["action"]
    which += "".join(f" with {name} {value}" for name, value in fault.get("params", {}).items())
    shown = ", ".join(name if value is True else f"{name} {value}" for name, value in how.items())
    return f"Fault for the next {fault['count']} calls of {which}: {shown}."
