"""The mark of a relay: no row appears below it, however transactions overlap."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pixel_events.outbox_mark import OutboxMark


@dataclass
class Store:
    """Transactions as the server orders them: an xid at the first write, ids whenever rows are written."""

    next_xid: int = 1
    next_id: int = 1
    running: dict[int, list[int]] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    """Committed rows that are not relayed: id to xid."""

    def begin(self) -> None:
        self.running[self.next_xid] = []
        self.next_xid += 1

    def write(self, which: int) -> None:
        if self.running:
            list(self.running.values())[which % len(self.running)].append(self.next_id)
            self.next_id += 1

    def commit(self, which: int) -> None:
        if self.running:
            xid = list(self.running)[which % len(self.running)]
            self.rows |= dict.fromkeys(self.running.pop(xid), xid)

    @property
    def oldest_xid(self) -> int:
        return min(self.running, default=self.next_xid)

    def read(self, after: int) -> list[int]:
        return sorted(row for row, xid in self.rows.items() if row > after and xid < self.oldest_xid)


def drain(store: Store, mark: OutboxMark, told: list[int]) -> None:
    for row in store.read(mark.after):
        told.append(row)
        mark.relayed(row)
        del store.rows[row]


def look(store: Store, mark: OutboxMark, told: list[int]) -> None:
    mark.look(store.oldest_xid, store.next_xid)
    drain(store, mark, told)
    mark.drained()


STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "write", "commit", "drain", "look"]), st.integers(0, 5)), max_size=80
)


LATE_ROW_WITH_A_SMALLER_ID = [
    ("begin", 0), ("begin", 0), ("write", 1), ("write", 0), ("commit", 0), ("drain", 0), ("look", 0), ("commit", 0),
]  # fmt: skip


@settings(max_examples=1_000)
@example(LATE_ROW_WITH_A_SMALLER_ID)
@given(STEPS)
def test_no_unrelayed_row_is_below_the_mark(steps: list[tuple[str, int]]) -> None:
    store, mark, told = Store(), OutboxMark(), list[int]()
    for step, which in steps:
        match step:
            case "begin":
                store.begin()
            case "write":
                store.write(which)
            case "commit":
                store.commit(which)
            case "drain":
                drain(store, mark, told)
            case _:
                look(store, mark, told)
        assert store.read(0) == store.read(mark.after)
    while store.running:
        store.commit(0)
    drain(store, mark, told)
    assert store.rows == {}


def test_the_mark_follows_what_was_relayed() -> None:
    store, mark, told = Store(), OutboxMark(), list[int]()
    for _ in range(5):
        store.begin()
        store.write(0)
        store.commit(0)
        look(store, mark, told)
    assert (told, mark.after) == ([1, 2, 3, 4, 5], 4)


def test_the_mark_waits_for_the_oldest_transaction() -> None:
    store, mark, told = Store(), OutboxMark(), list[int]()
    store.begin()
    store.write(0)
    for _ in range(3):
        store.begin()
        store.write(1)
        store.commit(1)
        look(store, mark, told)
    assert (told, mark.after) == ([], 0)
    store.commit(0)
    look(store, mark, told)
    assert told == [1, 2, 3, 4]
