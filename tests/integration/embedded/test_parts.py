from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pixel_embedded import parts
from pixel_embedded.parts import FetchError, fetch_parts

TOOLS = {
    "java": "echo 'openjdk version \"17.0.1\"' >&2",
    "mvn": 'for word; do case "$word" in -DoutputDirectory=*) folder="${word#*=}"; esac; done\n'
    'mkdir -p "$folder" && : > "$folder/kafka_2.13-4.3.1.jar"',
    "go": '[ "$1" = version ] && echo "go version go1.26.1 linux/amd64" || : > "$GOBIN/versitygw"',
}


class Desk:
    """A folder with a pom and a PATH of fake programs that record their calls."""

    def __init__(self, folder: Path) -> None:
        self.into, self.pom, self.path, self.calls = (folder / name for name in ("tools", "pom.xml", "bin", "calls"))
        self.path.mkdir()
        self.pom.write_text("<project/>")
        self.calls.touch()
        for name, script in TOOLS.items():
            self.put(name, script)

    def put(self, name: str, script: str) -> None:
        file = self.path / name
        file.write_text(f'#!/bin/sh\nPATH=/usr/bin:/bin\necho "{name} $*" >> {self.calls}\n{script}\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def fetches(self) -> list[str]:
        return [line.split()[0] for line in self.calls.read_text().splitlines() if not line.endswith("version")]


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Desk:
    made = Desk(tmp_path)
    monkeypatch.setenv("PATH", str(made.path))
    return made


def test_parts_are_fetched_once(desk, capsys):
    fetch_parts(desk.into, desk.pom)
    assert (desk.into / "kafka" / "kafka_2.13-4.3.1.jar").exists()
    assert (desk.into / "versitygw").exists()
    assert "parts: fetching Kafka from Maven Central ..." in capsys.readouterr().out
    fetch_parts(desk.into, desk.pom)
    assert desk.fetches() == ["mvn", "go"]
    assert capsys.readouterr().out == ""


def test_a_changed_version_is_fetched_again(desk):
    fetch_parts(desk.into, desk.pom)
    (desk.into / "kafka" / "old.jar").touch()
    desk.pom.write_text("<project>next</project>")
    fetch_parts(desk.into, desk.pom)
    assert desk.fetches() == ["mvn", "go", "mvn"]
    assert not (desk.into / "kafka" / "old.jar").exists()


def test_a_failed_fetch_is_reported_and_repeated_next_time(desk, capsys):
    desk.put("mvn", "echo no route to the repository; exit 1")
    with pytest.raises(FetchError, match="mvn ended with code 1"):
        fetch_parts(desk.into, desk.pom)
    assert "no route" in capsys.readouterr().err
    desk.put("mvn", TOOLS["mvn"])
    fetch_parts(desk.into, desk.pom)
    assert (desk.into / "kafka").is_dir()


@pytest.mark.parametrize(("program", "package"), [("java", "default-jre-headless"), ("mvn", "maven")])
def test_a_missing_program_is_reported_in_one_line(desk, monkeypatch, capsys, program, package):
    (desk.path / program).unlink()
    monkeypatch.setattr("sys.argv", ["parts", "fetch", "--into", str(desk.into), "--pom", str(desk.pom)])
    with pytest.raises(SystemExit) as caught:
        parts.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        f"parts: {program} is missing: install it (Debian: apt-get install {package}) and try again\n"
    )


def test_missing_programs_are_installed_for_root_on_debian(desk, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (desk.path / "mvn").unlink()
    desk.put("parked", TOOLS["mvn"])
    desk.put("apt-get", f'case "$*" in *install*maven) mv {desk.path}/parked {desk.path}/mvn;; esac')
    fetch_parts(desk.into, desk.pom)
    assert desk.fetches() == ["apt-get", "apt-get", "parked", "go"]


def test_an_old_java_is_refused(desk):
    desk.put("java", "echo 'openjdk version \"11.0.2\"' >&2")
    with pytest.raises(FetchError, match=r"needs Java 17 or newer.*11\.0\.2"):
        fetch_parts(desk.into, desk.pom)


def test_an_old_go_is_replaced_by_the_one_of_the_python_package(desk):
    (desk.into / "go" / "bin").mkdir(parents=True)
    packaged = desk.into / "go" / "bin" / "go"
    desk.put("packaged-go", TOOLS["go"])
    packaged.symlink_to(desk.path / "packaged-go")
    desk.put("go", 'echo "go version go1.19.8 linux/amd64"')
    fetch_parts(desk.into, desk.pom)
    assert desk.fetches() == ["mvn", "packaged-go"]
    assert (desk.into / "versitygw").exists()


def test_running_outside_of_a_checkout_is_reported(tmp_path):
    with pytest.raises(FetchError, match="root of the checkout"):
        fetch_parts(tmp_path, tmp_path / "none.xml")
