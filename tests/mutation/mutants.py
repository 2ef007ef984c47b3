"""Mutants of a module: the same program but for one operator, condition, constant, call or statement.

Annotations, decorators, docstrings, imports and the texts of errors stay as they are, since no behaviour is in them.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_SUMS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
_QUANTIFIERS = {"any": "all", "all": "any"}
_NO_BEHAVIOUR = (ast.Import, ast.ImportFrom, ast.JoinedStr)
_NO_BEHAVIOUR_FIELDS = {"annotation", "returns", "decorator_list", "type_params", "bases"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed module: `name` says what was changed and where, without a line number; `source` is its text."""

    module: str
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node is: `owner` has it in `field`, at `index` if that is a list; `scope` is the function around it."""

    scope: str
    node: ast.expr | ast.stmt
    owner: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Return the mutants of a module, one for each change, in the order of the source; no two have one name.

    Args:
        module: its name, with which the names of the mutants begin.
        source: its text.
    """
    tree = ast.parse(source)
    names: dict[str, int] = {}
    for place in list(_places(tree, "")):
        for other in _others(place.node):
            place.put(other)
            name = f"{module}{place.scope}: {_short(place.node)} -> {_short(other)}"
            names[name] = names.get(name, 0) + 1
            yield Mutant(module, name if names[name] == 1 else f"{name} ({names[name]})", ast.unparse(tree))
            place.put(place.node)


def _short(node: ast.AST) -> str:
    return ast.unparse(node).partition("\n")[0]


def _places(owner: ast.AST, scope: str) -> Iterator[_Place]:
    for field, value in ast.iter_fields(owner):
        if field in _NO_BEHAVIOUR_FIELDS:
            continue
        listed = value if isinstance(value, list) else [value]
        for index, node in enumerate(listed):
            if not isinstance(node, ast.AST) or isinstance(node, _NO_BEHAVIOUR) or _is_docstring(node):
                continue
            if isinstance(node, ast.expr | ast.stmt):
                yield _Place(scope, node, owner, field, index if isinstance(value, list) else None)
            if not isinstance(node, ast.Raise):
                yield from _places(node, _scope(node, scope))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _scope(node: ast.AST, scope: str) -> str:
    return f"{scope}.{node.name}" if isinstance(node, ast.FunctionDef | ast.ClassDef) else scope


def _others(node: ast.expr | ast.stmt) -> Iterator[ast.expr | ast.stmt]:
    """Return what may stand in place of a node: the same kind of node, slightly wrong."""
    match node:
        case ast.If():
            yield ast.If(_negated(node.test), node.body, node.orelse)
        case ast.IfExp():
            yield ast.IfExp(_negated(node.test), node.body, node.orelse)
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            yield ast.Compare(node.left, [_COMPARISONS[type(operator)]()], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
            for left_out in node.values:
                yield _joined(node.op, [value for value in node.values if value is not left_out])
        case ast.BinOp() if type(node.op) in _SUMS:
            yield ast.BinOp(node.left, _SUMS[type(node.op)](), node.right)
        case ast.UnaryOp(op=ast.Not()):
            yield ast.Call(ast.Name("bool"), [node.operand], [])
        case ast.UnaryOp(op=ast.USub()):
            yield node.operand
        case ast.Constant():
            yield from _other_constants(node.value)
        case ast.Call(func=ast.Name(id=name)) if name in _QUANTIFIERS:
            yield ast.Call(ast.Name(_QUANTIFIERS[name]), node.args, node.keywords)
        case ast.Call(func=ast.Attribute(value=text), args=[]):
            yield text
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            yield from _unfiltered(node)


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _joined(operator: ast.boolop, values: list[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else ast.BoolOp(operator, values)


def _other_constants(value: object) -> Iterator[ast.Constant]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield from (ast.Constant(value + 1), ast.Constant(value - 1))
    elif isinstance(value, str):
        yield ast.Constant(value + "X")


def _unfiltered(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Iterator[ast.expr]:
    for number, loop in enumerate(node.generators):
        if not loop.ifs:
            continue
        others = [*node.generators]
        others[number] = ast.comprehension(loop.target, loop.iter, [], loop.is_async)
        if isinstance(node, ast.DictComp):
            yield ast.DictComp(node.key, node.value, others)
        else:
            yield type(node)(node.elt, others)
