"""Reads the files that people name on the command line: YAML or JSON, folders of them, or standard input."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ram_operator.model import Json

SUFFIXES = (".yaml", ".yml", ".json")
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


def read(names: Iterable[str]) -> Iterator[Manifest]:
    """Yield the documents of files and of all manifests in folders. Raises OSError where a file cannot be opened."""
    for name in names:
        if name == "-":
            yield from parse("-", sys.stdin.read())
        elif Path(name).is_dir():
            for path in sorted(path for path in Path(name).rglob("*") if path.suffix in SUFFIXES):
                yield from parse(str(path), path.read_text(encoding="utf-8"))
        else:
            yield from parse(name, Path(name).read_text(encoding="utf-8"))


def parse(file: str, text: str) -> Iterator[Manifest]:
    """Yield the documents of a text; JSON is YAML, too. What cannot be read ends the file with a problem."""
    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            loader = yaml.SafeLoader("")
            yield Manifest(file, loader.construct_document(node), line=node.start_mark.line + 1, node=node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        yield Manifest(file, None, f"cannot be read as YAML: {error.problem}", line)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        yield Manifest(file, None, f"cannot be read as YAML: {type(error).__name__}")


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
