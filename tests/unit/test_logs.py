"""Log lines: one JSON object each, with the fields that our code passes, and only our code's."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from aiohttp import ClientError

from ram_operator.logs import JsonFormatter, PlainFormatter, configure


def line(
    name: str = "ram_operator.engine", level: int = logging.INFO, message: str = "x", **extra: Any
) -> dict[str, Any]:
    record = logging.getLogger(name).makeRecord(name, level, "f", 1, message, (), None, extra=extra)
    made: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return made


def test_a_line_tells_when_who_how_bad_and_what() -> None:
    made = line(message="reconciled", key="RamRole/x")
    assert made.pop("time").endswith("+00:00")
    assert made == {"level": "INFO", "logger": "ram_operator.engine", "message": "reconciled", "key": "RamRole/x"}


def test_a_line_is_one_line_whatever_the_text() -> None:
    record = logging.makeLogRecord({"name": "ram_operator", "msg": "two\nlines", "key": "speicher-größe\n"})
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert "größe" in text


def test_values_that_are_no_json_become_text() -> None:
    assert line(what={1, 2}.__class__)["what"] == "<class 'set'>"


def test_fields_of_other_libraries_are_left_out() -> None:
    assert "body" not in line("kopf.objects", body={"metadata": {}})


def test_a_traceback_is_a_field() -> None:
    try:
        raise ZeroDivisionError("no")
    except ZeroDivisionError:
        record = logging.makeLogRecord({"name": "ram_operator", "msg": "bug", "exc_info": sys.exc_info()})
    made = json.loads(JsonFormatter().format(record))
    assert "ZeroDivisionError: no" in made["exception"]


@pytest.mark.parametrize("name", ["kopf.reactor", "ram_operator.cluster"])
def test_what_kopf_heard_is_told_in_a_line_and_what_our_code_met_with_its_traceback(name: str) -> None:
    try:
        raise ClientError("404: not found")
    except ClientError:
        record = logging.makeLogRecord({"name": name, "msg": "has failed", "exc_info": sys.exc_info()})
    told = json.loads(JsonFormatter().format(record))["exception"]
    assert told.endswith("ClientError: 404: not found")
    assert ("Traceback" in told) == name.startswith("ram_operator")


@pytest.mark.usefixtures("logging_as_before")
def test_our_level_is_as_asked_and_other_libraries_only_warn(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    logging.getLogger("ram_operator.x").info("ours")
    logging.getLogger("ram_operator.x").debug("too much")
    logging.getLogger("kopf").info("theirs")
    logging.getLogger("kopf").warning("their warning")
    shown = [json.loads(text)["message"] for text in capsys.readouterr().err.splitlines()]
    assert shown == ["ours", "their warning"]


def test_a_line_for_people_has_the_same_fields_and_a_traceback_below() -> None:
    extra = {"key": "RamRole/x", "generation": 2, "created": 1_700_000_000.25, "msecs": 250.0}
    record = logging.makeLogRecord({"name": "ram_operator", "levelname": "INFO", "msg": "reconciled", **extra})
    assert PlainFormatter().format(record) == '22:13:20.250 INFO     reconciled  key="RamRole/x"  generation=2'
    try:
        raise ZeroDivisionError("no")
    except ZeroDivisionError:
        failed = logging.makeLogRecord({"name": "ram_operator", "msg": "bug", "exc_info": sys.exc_info()})
    assert PlainFormatter().format(failed).splitlines()[-1] == "ZeroDivisionError: no"


@pytest.mark.usefixtures("logging_as_before")
def test_lines_for_people_are_written_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "plain")
    logging.getLogger("ram_operator").info("hello", extra={"key": "x"})
    assert capsys.readouterr().err.strip().endswith('INFO     hello  key="x"')
