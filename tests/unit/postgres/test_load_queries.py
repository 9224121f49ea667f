from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from pixel_postgres import Query, load_queries

JARS = """\
-- Jars and their marbles.

-- name: lock_jar
-- Holds a jar; 100 % of it.
SELECT id, marbles
FROM jars -- the only table
WHERE id = %(id)s FOR UPDATE;

-- name: insert_jar
INSERT INTO jars (id) VALUES (%(id)s);
"""

numbers = itertools.count()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Load the queries of a text in a temporary package."""
    package = f"queries_of_a_test_{next(numbers)}"

    def written(text: str, columns: str = ""):
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "columns.txt").write_text(columns, encoding="utf-8")
        (folder / "jars.sql").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return load_queries(package, "jars.sql")

    return written


def test_a_query_is_found_by_its_name(load):
    queries = load(JARS)
    assert list(queries) == ["lock_jar", "insert_jar"]
    assert queries["insert_jar"] == "INSERT INTO jars (id) VALUES (%(id)s);"
    assert isinstance(queries["insert_jar"], Query)
    assert queries["insert_jar"].name == "insert_jar"


def test_comments_above_a_query_are_not_sent(load):
    assert load(JARS)["lock_jar"].startswith("SELECT id, marbles\nFROM jars -- the only table\n")


def test_text_of_many_languages_is_preserved(load):
    assert load("-- name: greet\nSELECT 'שלום 👋 été';")["greet"] == "SELECT 'שלום 👋 été';"


def test_a_named_list_of_columns_is_expanded(load):
    columns = "jar_columns:\n    id,\n    marbles\n\nlid_columns: id, colour\n"
    text = "-- name: list_jars\nSELECT {jar_columns of j}, {lid_columns of l} FROM jars AS j, lids AS l;"
    assert load(text, columns)["list_jars"] == "SELECT j.id, j.marbles, l.id, l.colour FROM jars AS j, lids AS l;"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;", "query a is there twice"),
        ("-- name: a\nSELECT {jar_columns of j} FROM jars AS j;", "there is no list of columns jar_columns"),
        ("-- name: a\n-- only words\n", "query a is empty"),
        ("SELECT 1;\n-- name: a\nSELECT 2;", "before the first"),
    ],
)
def test_a_malformed_query_file_is_refused(load, text, complaint):
    with pytest.raises(ValueError, match=complaint):
        load(text)


def test_the_queries_cannot_be_changed(load):
    with pytest.raises(TypeError):
        load(JARS)["lock_jar"] = Query("SELECT 1", "lock_jar")
