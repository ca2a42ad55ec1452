"""Reminds of approvals that nobody gave yet: at half of their time, and once more shortly before the end."""

import logging
from typing import LiteralString

from safety.sql import fetch

logger = logging.getLogger(__name__)

LAST_PART = 0.9  # of its time is over

_REMIND: LiteralString = """
WITH open AS (
    SELECT id, execution_id, tenant_id, quorum, reminded, expires_at,
           extract(epoch FROM statement_timestamp() - requested_at)
               / extract(epoch FROM expires_at - requested_at) AS part
    FROM opsc_approval WHERE status = 'requested' AND expires_at > statement_timestamp()
), due AS (
    SELECT a.id, o.execution_id, o.tenant_id, o.expires_at, n.number, o.quorum - (
               SELECT count(*) FROM opsc_approval_vote v WHERE v.approval_id = o.id AND v.decision = 'approved'
           ) AS missing
    FROM open o
    CROSS JOIN LATERAL (SELECT CASE WHEN o.part >= %(last)s THEN 2 WHEN o.part >= 0.5 THEN 1 ELSE 0 END AS number) n
    JOIN opsc_approval a ON a.id = o.id AND a.status = 'requested' AND a.reminded < n.number
    ORDER BY o.expires_at LIMIT 200 FOR UPDATE OF a SKIP LOCKED
), told AS (
    UPDATE opsc_approval a SET reminded = due.number FROM due WHERE a.id = due.id
    RETURNING due.execution_id, due.tenant_id, due.number, due.missing,
              ceil(extract(epoch FROM due.expires_at - statement_timestamp()))::int AS left_s
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, type, actor_kind, actor, trace_id, data)
    SELECT told.tenant_id, told.execution_id, 'approval.reminder', 'system', 'scheduler', e.trace_id,
           jsonb_build_object('left_s', told.left_s, 'missing', told.missing, 'last', told.number = 2)
    FROM told JOIN opsc_execution e ON e.id = told.execution_id
)
SELECT execution_id, left_s, missing FROM told
"""


def remind_due() -> int:
    """Leave an event and a line in the log for each that is due; how many."""
    rows = fetch(_REMIND, {"last": LAST_PART})
    for row in rows:
        logger.warning(
            "execution %s: its approval expires in %s s and needs %s more",
            row["execution_id"],
            row["left_s"],
            row["missing"],
        )
    return len(rows)
