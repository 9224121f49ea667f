"""Tickets for streams."""

from __future__ import annotations

from pixel_postgres.migrations import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql(__file__)


def downgrade() -> None:
    message = "Migrations only go forward."
    raise NotImplementedError(message)
