from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pixel_runtime import Secret, SettingsError, describe, load_settings


@dataclass(frozen=True)
class Settings:
    database_url: str = field(
        default="postgres://pixel:pixel@localhost/pixel", metadata={"env": ("PIXEL_X_DATABASE_URL", "DATABASE_URL")}
    )
    kafka_brokers: tuple[str, ...] = field(default=(), metadata={"env": "KAFKA_BROKERS"})
    workers: int = 3
    ratio: float = 1.0
    json_logs: bool = True
    data_dir: Path = Path("data")
    signing_key: Secret = field(default_factory=Secret)
    port: int | None = None
    backup_key: Secret | None = None


def load(file: Path | None = None, **environ: str) -> Settings:
    return load_settings(Settings, environ=environ, file=file)


def test_without_anything_set_the_defaults_are_used():
    assert load() == Settings()


def test_values_are_converted_to_the_type_of_their_field():
    settings = load(
        PIXEL_DATABASE_URL="postgres://h/db",
        PIXEL_KAFKA_BROKERS="a:1, b:2,",
        PIXEL_WORKERS=" 20 ",
        PIXEL_RATIO="0.25",
        PIXEL_JSON_LOGS="No",
        PIXEL_DATA_DIR="/var/lib/pixel",
        PIXEL_SIGNING_KEY="s3cret",
        PIXEL_PORT="8080",
    )
    assert settings == Settings(
        "postgres://h/db", ("a:1", "b:2"), 20, 0.25, False, Path("/var/lib/pixel"), Secret("s3cret"), 8080
    )


def test_the_most_specific_name_that_is_set_wins():
    assert load(KAFKA_BROKERS="a").kafka_brokers == ("a",)
    assert load(KAFKA_BROKERS="a", PIXEL_KAFKA_BROKERS="b").kafka_brokers == ("b",)
    assert load(DATABASE_URL="a", PIXEL_DATABASE_URL="b").database_url == "b"
    assert load(DATABASE_URL="a", PIXEL_DATABASE_URL="b", PIXEL_X_DATABASE_URL="c").database_url == "c"


def test_an_empty_variable_sets_a_text_but_leaves_a_secret_unset():
    assert load(PIXEL_DATABASE_URL="").database_url == ""
    assert load(PIXEL_KAFKA_BROKERS="").kafka_brokers == ()
    assert load(PIXEL_SIGNING_KEY="").signing_key == Secret()
    assert load(PIXEL_PORT="").port is None


def test_a_secret_comes_from_a_file(tmp_path):
    (tmp_path / "key").write_text("from file\n")
    assert load(PIXEL_SIGNING_KEY_FILE=str(tmp_path / "key")).signing_key.reveal() == "from file"
    (tmp_path / "url").write_text("postgres://file/db")
    assert load(DATABASE_URL_FILE=str(tmp_path / "url")).database_url == "postgres://file/db"


def test_a_secret_file_that_is_missing_or_empty_is_refused(tmp_path):
    (tmp_path / "empty").write_text("\n")
    for name in ("missing", "empty"):
        with pytest.raises(SettingsError, match=f"PIXEL_SIGNING_KEY_FILE.*{name}"):
            load(PIXEL_SIGNING_KEY_FILE=str(tmp_path / name))


def test_a_value_and_a_file_for_the_same_name_are_refused(tmp_path):
    (tmp_path / "key").write_text("b")
    with pytest.raises(SettingsError, match="keep one"):
        load(PIXEL_SIGNING_KEY="a", PIXEL_SIGNING_KEY_FILE=str(tmp_path / "key"))


def test_every_bad_variable_is_named_at_once_without_its_value():
    with pytest.raises(SettingsError) as raised:
        load(PIXEL_WORKERS="several", PIXEL_RATIO="nan", PIXEL_JSON_LOGS="maybe", PIXEL_DATA_DIR="", PIXEL_PORT="x1")
    assert raised.value.problems == (
        "PIXEL_WORKERS: expected a whole number",
        "PIXEL_RATIO: expected a number",
        "PIXEL_JSON_LOGS: expected true or false",
        "PIXEL_DATA_DIR: expected a path",
        "PIXEL_PORT: expected a whole number",
    )
    assert "several" not in str(raised.value)


def test_the_environment_wins_over_the_file(tmp_path):
    file = tmp_path / "studio.toml"
    file.write_text(
        'workers = 7\nratio = 1\njson_logs = false\nkafka_brokers = ["a", "b"]\n'
        'data_dir = "d"\nsigning_key = "k"\nport = 1\n'
    )
    settings = load(file, PIXEL_WORKERS="9")
    assert settings == Settings(
        kafka_brokers=("a", "b"),
        workers=9,
        ratio=1.0,
        json_logs=False,
        data_dir=Path("d"),
        signing_key=Secret("k"),
        port=1,
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("worker = 3", "unknown key worker; did you mean workers?"),
        ("zzz = 3", "unknown key zzz$"),
        ("workers = '3'", "workers: expected a whole number"),
        ("workers = true", "workers: expected a whole number"),
        ("json_logs = 1", "json_logs: expected true or false"),
        ("database_url = 3", "database_url: expected a string"),
        ("kafka_brokers = [1]", "kafka_brokers: expected a list of strings"),
        ("workers = ", "Invalid value"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, text, problem):
    file = tmp_path / "studio.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=problem):
        load(file)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "missing.toml")


def test_a_rule_of_the_settings_themselves_is_reported_like_the_rest():
    @dataclass(frozen=True)
    class Bounded:
        workers: int = 1

        def __post_init__(self):
            if self.workers < 1:
                raise ValueError("workers: expected at least 1")

    with pytest.raises(SettingsError, match="at least 1"):
        load_settings(Bounded, environ={"PIXEL_WORKERS": "0"})


def test_the_description_hides_secrets_and_passwords():
    rows = describe(load(PIXEL_SIGNING_KEY="s3cret", PIXEL_DATABASE_URL="postgres://u:hunter2@h/db?x=1"))
    assert rows[0] == ("PIXEL_X_DATABASE_URL", "postgres://u:***@h/db?x=1", False)
    assert rows[2] == ("PIXEL_WORKERS", "3", True)
    assert ("PIXEL_SIGNING_KEY", "***", False) in rows
    assert ("PIXEL_BACKUP_KEY", "", True) in rows
    dsn = describe(load(PIXEL_DATABASE_URL="host=h password='hun ter2' user=u"))
    assert dsn[0][1] == "host=h password=*** user=u"


def test_a_secret_is_not_shown_by_repr_str_or_pickle():
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} {Settings(signing_key=secret)}"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("other")
    assert not Secret("")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
