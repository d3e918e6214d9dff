"""Which equal purchase of the day an attempt is, where its supplier has to be told, and what they are counted by.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("nth", sa.Integer(), nullable=True))
    op.add_column("attempts", sa.Column("dest", sa.Text(), nullable=True))
    counted = sa.text("dest IS NOT NULL")
    op.create_index(
        "ix_attempts_equal",
        "attempts",
        ["dest", "provider"],
        sqlite_where=counted,
        postgresql_where=counted,
    )
