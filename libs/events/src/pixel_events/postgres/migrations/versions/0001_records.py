from pixel_postgres.migrations import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_sql(__file__)


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
