"""Tables in Markdown of what there is: for the command line, and through it for the README."""

from collections.abc import Iterable, Sequence

from ram_simulator.calls import Action, Product
from ram_simulator.control import ROUTES
from ram_simulator.oss.operations import operations
from ram_simulator.products import PRODUCTS
from ram_simulator.switches import SWITCHES


def switches_table() -> str:
    """Return the table of switches."""
    rows = [
        (f"`{name.value}`", f"`{switch.default}`", switch.values, switch.meaning) for name, switch in SWITCHES.items()
    ]
    return _table(("switch", "default", "values", "what it is about"), rows)


def actions_table() -> str:
    """Return the table of supported actions of all products."""
    rows = [_action_row(product, action) for product in PRODUCTS.values() for action in product.actions.values()]
    rows += [("OSS", operation.name, "", "", f"`oss:{operation.action}`") for operation in operations()]
    return _table(("product", "action", "required", "optional", "authorised as"), rows)


def control_table() -> str:
    """Return the table of what the control service answers."""
    rows = [
        (f"`{route.method} {route.shown}`", f"`{route.body}`" if route.body else "", route.about) for route in ROUTES
    ]
    return _table(("request", "body, for example", "what it does or answers"), rows)


def _action_row(product: Product, action: Action) -> Sequence[str]:
    name = f"{product.name.upper()} {product.version}"
    allowed = f"`{product.permission(action)}`"
    # these two may be called by everybody: one without a key, one with any
    if action.anonymous:
        allowed = "anonymous, by its token"
    elif action.name == "GetCallerIdentity":
        allowed = "every caller"
    return name, action.name, ", ".join(action.required), ", ".join(action.optional), allowed


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
