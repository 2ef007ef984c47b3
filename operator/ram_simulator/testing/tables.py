"""Tables of what there is: for people at the command line, and in Markdown for the README."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ram_simulator.cloud.calls import Action, Product
from ram_simulator.cloud.switches import SWITCHES
from ram_simulator.oss.operations import operations
from ram_simulator.testing.control.routes import ROUTES
from ram_simulator.testing.simulator import PRODUCTS

_WIDEST = 36


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; names in them stand in backquotes."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return the table as Markdown has it."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)

    def plain(self) -> str:
        """Return the table for a terminal: columns of one width, but for cells that are longer than most."""
        lines = [[cell.replace("`", "") for cell in line] for line in (self.head, *self.rows)]
        widths = [min(_WIDEST, max(map(len, column))) for column in zip(*lines, strict=True)]
        return "".join(f"{_padded(line, widths)}\n" for line in lines)


def switches_table() -> Table:
    """Return the table of switches."""
    rows = [
        (f"`{name.value}`", f"`{switch.default}`", switch.values, switch.meaning) for name, switch in SWITCHES.items()
    ]
    return Table(("switch", "default", "values", "what it is about"), rows)


def actions_table() -> Table:
    """Return the table of supported actions of all products."""
    rows = [_action_row(product, action) for product in PRODUCTS.values() for action in product.actions.values()]
    rows += [("OSS", operation.name, "", "", f"`oss:{operation.action}`") for operation in operations()]
    return Table(("product", "action", "required", "optional", "authorised as"), rows)


def control_table() -> Table:
    """Return the table of what the control service answers."""
    rows = [
        (f"`{route.method} {route.shown}`", f"`{route.body}`" if route.body else "", route.about) for route in ROUTES
    ]
    return Table(("request", "body, for example", "what it does or answers"), rows)


def _action_row(product: Product, action: Action) -> Sequence[str]:
    name = f"{product.name.upper()} {product.version}"
    allowed = f"`{product.permission(action)}`"
    # these two may be called by everybody: one without a key, one with any
    if action.anonymous:
        allowed = "anonymous, by its token"
    elif action.name == "GetCallerIdentity":
        allowed = "every caller"
    optional = ", ".join(parameter for parameter in action.optional if parameter not in action.without_effect)
    if action.without_effect:
        optional += f"{'; ' if optional else ''}without effect: {', '.join(action.without_effect)}"
    return name, action.name, ", ".join(action.required), optional, allowed


def _padded(line: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
