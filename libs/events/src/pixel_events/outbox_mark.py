"""Up to which id an outbox was relayed for good."""

from __future__ import annotations


class OutboxMark:
    """The id after which to read, raised only past rows that have all appeared.

    An old snapshot, a backup's for example, keeps deleted rows: reading past all of them each time costs more the
    longer it lasts. Ids do not appear in their order, so a look first names what was relayed up to then, with the
    transaction that will begin next; once all transactions before that one have ended, no smaller id can appear.
    """

    def __init__(self) -> None:
        self.after = 0
        self._relayed_to = 0
        self._candidate = 0
        self._next_xid = 0
        self._oldest_xid = 0

    def look(self, oldest_xid: int, next_xid: int) -> None:
        """Note, before a drain, the oldest transaction still running and the next one to begin."""
        self._oldest_xid = oldest_xid
        if self._candidate <= self.after:
            self._candidate, self._next_xid = self._relayed_to, next_xid

    def relayed(self, row_id: int) -> None:
        """Note the highest id of a batch that was relayed."""
        self._relayed_to = max(self._relayed_to, row_id)

    def drained(self) -> None:
        """Note that all that could be read since the look was relayed."""
        if self._oldest_xid >= self._next_xid:
            self.after = max(self.after, self._candidate)
