"""The id up to which an outbox is fully relayed."""

from __future__ import annotations


class OutboxMark:
    """The id after which to read; it advances only when no smaller id can appear.

    While an old snapshot is open, a backup's for example, deleted rows stay in the table, and reading past them costs
    more the longer it is open. Ids become visible out of order, so a look first notes the highest relayed id as a
    candidate, with the next transaction id; once all transactions before that one have ended, no smaller id can appear.
    """

    def __init__(self) -> None:
        self.after = 0
        self._relayed_to = 0
        self._candidate = 0
        self._next_xid = 0
        self._oldest_xid = 0

    def look(self, oldest_xid: int, next_xid: int) -> None:
        """Record, before a drain, the oldest running transaction and the next one to begin."""
        self._oldest_xid = oldest_xid
        if self._candidate <= self.after:
            self._candidate, self._next_xid = self._relayed_to, next_xid

    def relayed(self, row_id: int) -> None:
        """Record the highest id of a relayed batch."""
        self._relayed_to = max(self._relayed_to, row_id)

    def drained(self) -> None:
        """Record that every row visible since the look is relayed."""
        if self._oldest_xid >= self._next_xid:
            self.after = max(self.after, self._candidate)
