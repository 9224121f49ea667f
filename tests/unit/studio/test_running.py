from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from pixel_studio.running import FILE, Running, find_running, recorded


@pytest.fixture
def address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_running_studio_is_found(tmp_path, address):
    running = Running(os.getpid(), address, "127.0.0.1:1")
    with recorded(tmp_path, running):
        assert find_running(tmp_path) == running
    assert find_running(tmp_path) is None


def test_the_record_of_a_dead_process_is_ignored(tmp_path, address):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with recorded(tmp_path, Running(gone.pid, address, "127.0.0.1:1")):
        assert find_running(tmp_path) is None


def test_a_record_whose_address_does_not_answer_is_ignored(tmp_path, free_port):
    with recorded(tmp_path, Running(os.getpid(), f"http://127.0.0.1:{free_port}", "127.0.0.1:1")):
        assert find_running(tmp_path) is None


def test_a_malformed_record_is_ignored(tmp_path):
    (tmp_path / FILE).write_text("{")
    assert find_running(tmp_path) is None
