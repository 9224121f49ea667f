from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from pixel_runtime import Secret
from pixel_telemetry.logs import render_json
from pixel_telemetry.redaction import redact_event, redact_text

TRACE = "0af7651916cd43dd8448eb211c80319c"


def lines_of(program: str, expect: int = 0) -> list[dict[str, Any]]:
    """Run a program after setup() in a process of its own and return its log lines."""
    prelude = """
        import logging, sys, warnings
        import pixel_telemetry
        from pixel_runtime import Secret
        log = pixel_telemetry.get_logger("program")
    """
    source = textwrap.dedent(prelude) + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == expect, done.stderr
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_carries_time_level_service_event_trace_and_bound_facts():
    (line,) = lines_of(f"""
        pixel_telemetry.setup("media")
        carrier = {{"traceparent": "00-{TRACE}-b7ad6b7169203331-01"}}
        with pixel_telemetry.extracted(carrier), pixel_telemetry.bind(request_id="r1", job_id="gen_1"):
            log.info("job_claimed", attempt=2, took_ms=1.5)
        log.debug("not shown")
    """)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "service": "media",
        "module": "program",
        "event": "job_claimed",
        "trace_id": TRACE,
        "span_id": "b7ad6b7169203331",
        "request_id": "r1",
        "job_id": "gen_1",
        "attempt": 2,
        "took_ms": 1.5,
    }


def test_stdlib_logging_has_the_same_format():
    lines = lines_of("""
        uvicorn = logging.getLogger("uvicorn.error")
        uvicorn.addHandler(logging.StreamHandler(sys.stdout))
        uvicorn.propagate = False
        pixel_telemetry.setup("gateway", log_level="warning")
        uvicorn.info("not shown")
        with pixel_telemetry.bind(request_id="r1"):
            uvicorn.warning("slow %s", "client", extra={"ms": 12})
        warnings.warn("careful")
        try:
            1 / 0
        except ZeroDivisionError:
            logging.getLogger("x").exception("failed")
            log.exception("failed too", url="postgres://u:hunter2@h/db")
    """)
    assert lines[0]["event"] == "slow client"
    assert (lines[0]["ms"], lines[0]["module"], lines[0]["request_id"], lines[0]["level"]) == (
        12,
        "uvicorn.error",
        "r1",
        "warning",
    )
    assert "careful" in str(lines[1]["event"])
    assert all("ZeroDivisionError" in str(line["exception"]) for line in lines[2:])
    assert lines[3]["url"] == "postgres://u:***@h/db"


def test_only_the_first_setup_of_a_process_has_an_effect():
    (line,) = lines_of("""
        pixel_telemetry.setup("studio")
        pixel_telemetry.setup("media", log_level="DEBUG")
        log.debug("not shown")
        log.info("shown")
    """)
    assert line["service"] == "studio"


def test_an_unknown_level_is_refused():
    lines_of("""
        try:
            pixel_telemetry.setup("studio", log_level="loud")
        except ValueError as error:
            assert "loud" in str(error)
        else:
            sys.exit(1)
    """)


def test_the_plain_format_writes_text_lines():
    source = (
        'import pixel_telemetry as t; t.setup("s", json_logs=False); t.get_logger("m").info("hello", password="x1y2")'
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=True)
    assert "hello" in done.stderr
    assert "x1y2" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "key", ["password", "db_password", "token", "access_token", "api_key", "apikey", "Authorization", "client_secret"]
)
def test_a_secret_is_hidden_by_its_key(key):
    assert redact_event(None, "", {key: "hunter2", "n": {key: "hunter2"}}) == {key: "***", "n": {key: "***"}}


@pytest.mark.parametrize("key", ["tokens_used", "secretary", "prompt", "keyboard", "job_id", "idempotency_key"])
def test_other_keys_are_shown(key):
    assert redact_event(None, "", {key: "shown"}) == {key: "shown"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("connect postgres://u:p%40ss@h:5432/db failed", "connect postgres://u:***@h:5432/db failed"),
        ("kafka://a:1,b:2", "kafka://a:1,b:2"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("host=h password='a b' user=u", "host=h password=*** user=u"),
        ("nothing here", "nothing here"),
    ],
)
def test_a_secret_inside_a_text_is_hidden(text, shown):
    assert redact_text(text) == shown


FAILING_ROW = """
import psycopg
def refuse():
    raise psycopg.errors.CheckViolation(
        'new row for relation "jobs" violates check constraint "c"\\n'
        'DETAIL:  Failing row contains (1, {"prompt": "canary one\\n\\ncanary two"}).\\n'
        'CONTEXT:  portal parameter $1 = canary three'
    )
def chained():
    try:
        refuse()
    except psycopg.Error as error:
        raise RuntimeError("the store refused") from error
"""


@pytest.mark.parametrize("json_logs", [True, False])
def test_a_logged_database_error_contains_no_user_text(json_logs, tmp_path):
    # A file, so that the traceback does not show the source lines that hold the canaries.
    (tmp_path / "store.py").write_text(FAILING_ROW.replace("canary", "can' 'ary"))
    source = textwrap.dedent(f"""
        import logging, sys, pixel_telemetry
        sys.path.insert(0, {str(tmp_path)!r})
        from store import chained
        pixel_telemetry.setup("generation", json_logs={json_logs})
        log = pixel_telemetry.get_logger("program")
        try:
            chained()
        except RuntimeError as error:
            log.exception("one", error=str(error.__cause__), shown=repr(error.__cause__), cause=error.__cause__)
            logging.getLogger("x").exception("two: %s", error.__cause__)
            try:
                raise ExceptionGroup("several", [error, error.__cause__])
            except ExceptionGroup:
                log.exception("three")
    """)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=True)
    assert "canary" not in done.stderr
    for told in ("violates check constraint", "the store refused", "direct cause", "Traceback", "DETAIL: ***"):
        assert told in done.stderr


def test_values_that_json_cannot_represent_are_written_as_repr():
    line = json.loads(
        render_json(None, "", {"event": "e", "bad": "\ud800", "n": 1, "key": Secret("s"), "set": {(1, 2)}})
    )
    assert line == {"event": "e", "bad": "\\ud800", "n": 1, "key": "***", "set": [[1, 2]]}
