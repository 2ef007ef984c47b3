"""The Condition block of a statement: operators, keys, values."""

from ram_simulator.policies.keys import check_keys, quoted
from ram_simulator.policies.model import Condition, Grammar, MalformedDocument
from ram_simulator.policies.operators import OPERATORS, Relation, extended_relation


def parse_conditions(block: object, place: str, grammar: Grammar) -> tuple[Condition, ...]:
    """Parse the block of a statement at `place`; raise MalformedDocument if RAM would refuse it."""
    if not isinstance(block, dict):
        raise MalformedDocument(f"{place}: must be an object of operators.")
    found = []
    for operator, keys in block.items():
        relation = _relation(operator, place, grammar)
        if not isinstance(keys, dict) or not keys:
            raise MalformedDocument(f"{place}.{operator}: must be an object of keys and values.")
        for key, values in keys.items():
            if key != key.strip() or ":" not in key:
                raise MalformedDocument(
                    f'{place}.{operator}: {quoted(key)} is no condition key such as "acs:SourceIp".'
                )
            wanted = _values(values, operator, f"{place}.{operator}.{key}")
            if not grammar.unreadable_values:
                _check_readable(operator, wanted, f"{place}.{operator}.{key}")
            found.append(Condition(relation, key, wanted))
    return tuple(found)


def _relation(operator: str, place: str, grammar: Grammar) -> Relation:
    extended = extended_relation(operator) if grammar.undocumented else None
    if extended is not None:
        return extended
    check_keys({operator: None}, tuple(OPERATORS), place)
    return OPERATORS[operator]


def _check_readable(operator: str, values: tuple[str, ...], place: str) -> None:
    base = OPERATORS.get(operator.rpartition(":")[2].removesuffix("IfExists"))
    for value in values:
        if base is not None and not base.can_read(value):
            raise MalformedDocument(f"{place}: {quoted(value)} is no value for {operator}; write {base.example}.")


def _values(values: object, operator: str, place: str) -> tuple[str, ...]:
    listed = values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(value, str | int | float) for value in listed):
        raise MalformedDocument(f"{place}: a value or a list of values is required.")
    found = tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in listed)
    if operator == "Null" and not set(found) <= {"true", "false"}:
        raise MalformedDocument(f'{place}: must be "true" or "false".')
    return found
