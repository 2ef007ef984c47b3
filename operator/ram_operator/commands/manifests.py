"""Reads the files that people name on the command line: YAML or JSON, folders of them, or standard input."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import yaml

from ram_operator.errors import StartupError
from ram_operator.model import GROUP, Json

SUFFIXES = (".yaml", ".yml", ".json")
MOST_REPEATED = 100_000
"""Values that aliases of one document may add to it: with ten lines of them YAML makes a thousand million."""
_STEP = re.compile(r'\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')


@dataclass(frozen=True, slots=True)
class Manifest:
    """One document of a file.

    Args:
        file: the file's name as it was given, `-` for standard input.
        value: what the document says; None for a document that is empty or cannot be read.
        problem: why it cannot be read, "" where it can.
        line: where it begins, counted from 1.
        node: the document with the lines of all its parts.
    """

    file: str
    value: Json
    problem: str = ""
    line: int = 1
    node: yaml.Node | None = None

    def line_of(self, place: str) -> int:
        """The line of a place such as `spec.document.Statement[0].Action[1]`, or of the nearest part above it."""
        node, line = self.node, self.line
        for name, index, quoted in _STEP.findall(place):
            found = _member(node, index, quoted or name)
            if found is None:
                break
            node, line = found
        return line

    def item(self, index: int, value: Json) -> Manifest:
        """An item of a List as a document of its own."""
        items = _member(self.node, "", "items")
        found = _member(items[0], str(index), "") if items else None
        node, line = found or (None, self.line)
        return Manifest(self.file, value, line=line, node=node)

    def doubled_keys(self) -> Iterator[tuple[str, int]]:
        """Keys that are written twice in a mapping, each with its line: YAML readers keep one of the two, or refuse."""
        return _doubled(self.node) if self.node else iter(())

    @property
    def ours(self) -> bool:
        """Whether it is an object of our group, of whatever version and kind."""
        return isinstance(self.value, Mapping) and str(self.value.get("apiVersion")).startswith(f"{GROUP}/")


def read(names: Iterable[str]) -> Iterator[Manifest]:
    """Yield the documents of files and of all manifests in folders. Raises StartupError where one cannot be opened."""
    for name in names:
        if name == "-":
            yield from parse("-", sys.stdin.read())
        elif Path(name).is_dir():
            for path in sorted(path for path in Path(name).rglob("*") if path.suffix in SUFFIXES):
                yield from _of_file(path)
        else:
            yield from _of_file(Path(name))


def _of_file(path: Path) -> Iterator[Manifest]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StartupError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        yield Manifest(str(path), None, "cannot be read: it is not UTF-8 text")
    else:
        yield from parse(str(path), text)


def parse(file: str, text: str) -> Iterator[Manifest]:
    """Yield the documents of a text; JSON is YAML, too. What cannot be read ends the file with a problem."""
    try:
        for node in yaml.compose_all(_without_tabs(text), Loader=_Loader):
            sizes: dict[yaml.Node, int] = {}
            if _size(node, sizes) - len(sizes) > MOST_REPEATED:
                raise ValueError(f"its aliases repeat more than {MOST_REPEATED} values")
            yield Manifest(file, _as_json(_constructed(node)), line=node.start_mark.line + 1, node=node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        yield Manifest(file, None, f"cannot be read as YAML: {error.problem}", line)
    except RecursionError:
        yield Manifest(file, None, "cannot be read as YAML: it is nested too deeply, or refers to itself")
    except (yaml.YAMLError, ArithmeticError, ValueError) as error:
        yield Manifest(file, None, f"cannot be read as YAML: {getattr(error, 'reason', error)}")


def _without_tabs(text: str) -> str:
    """JSON that is indented with tabs, which YAML does not take, with blanks for them; any other text as it is."""
    try:
        json.loads(text)
    except (RecursionError, ValueError):
        return text
    # JSON takes a tab nowhere but between its parts.
    return text.replace("\t", " ")


def _constructed(node: yaml.Node) -> object:
    """What a document says. Raises ValueError for a tag that is not fit for its value."""
    try:
        return _Loader("").construct_document(node)
    except (AttributeError, LookupError, TypeError):
        # PyYAML checks the values of explicit tags, such as `!!bool`, only as far as it needs for implicit ones.
        raise ValueError("a value is not what its tag says") from None


def _size(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """How many values a document has once each alias is replaced by what it stands for."""
    if node not in known:
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = chain.from_iterable(parts) if isinstance(node, yaml.MappingNode) else parts
        known[node] = 1 + sum(_size(part, known) for part in parts)
    return known[node]


def expanded(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """Yield the documents with the items of a List, such as `kubectl get --output yaml` prints, in its place."""
    for manifest in manifests:
        value = manifest.value
        if isinstance(value, Mapping) and value.get("kind") == "List" and isinstance(value.get("items"), list):
            yield from expanded(manifest.item(index, item) for index, item in enumerate(value["items"]))
        else:
            yield manifest


class _Loader(yaml.SafeLoader):
    """Reads as kubectl does: dates are text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _as_json(value: object) -> Json:
    """What YAML has and JSON has not, as text: keys that are numbers, dates, sets, binary values."""
    match value:
        case dict():
            return {_key(name): _as_json(item) for name, item in value.items()}
        case list():
            return [_as_json(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def _key(name: object) -> str:
    return str(name).lower() if isinstance(name, bool) else "null" if name is None else str(name)


def _doubled(node: yaml.Node) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _doubled(item)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key.value, key.start_mark.line + 1
                seen.add(key.value)
            yield from _doubled(value)


def _member(node: yaml.Node | None, index: str, name: str) -> tuple[yaml.Node, int] | None:
    """A member of a mapping or sequence, and the line where it is written."""
    match node:
        case yaml.SequenceNode(value=items) if index and int(index) < len(items):
            return items[int(index)], items[int(index)].start_mark.line + 1
        case yaml.MappingNode(value=pairs) if name:
            for key, value in pairs:
                if key.value == name:
                    return value, key.start_mark.line + 1
    return None
