"""Reminds of approvals that nobody gave yet: at half of their time, and once more shortly before the end.

Of those of single steps, too; and every day of what began in an emergency without one, until somebody reviewed it.
"""

import logging
from typing import LiteralString

from safety.sql import fetch

logger = logging.getLogger(__name__)

LAST_PART = 0.9  # of its time is over

# Every request that is open, of runs and of single steps; what is due is locked in its own table, and told once.
_REMIND: LiteralString = """
WITH open AS (
    SELECT id AS approval, NULL::bigint AS gate, execution_id, tenant_id, requested_at, expires_at, reminded, quorum
    FROM opsc_approval WHERE status = 'requested' AND expires_at > statement_timestamp()
    UNION ALL
    SELECT a.id, g.id, g.execution_id, g.tenant_id, g.requested_at, g.expires_at, g.reminded, a.quorum
    FROM opsc_step_gate g JOIN opsc_approval a ON a.execution_id = g.execution_id
    JOIN opsc_execution e ON e.id = g.execution_id AND e.finished_at IS NULL
    WHERE g.status = 'requested' AND g.expires_at > statement_timestamp()
), due AS (
    SELECT o.*, n.number
    FROM open o CROSS JOIN LATERAL (
        SELECT extract(epoch FROM statement_timestamp() - o.requested_at)
                   / extract(epoch FROM o.expires_at - o.requested_at) AS part) p
    CROSS JOIN LATERAL (SELECT CASE WHEN p.part >= %(last)s THEN 2 WHEN p.part >= 0.5 THEN 1 ELSE 0 END AS number) n
    WHERE o.reminded < n.number ORDER BY o.expires_at LIMIT 200
), runs AS (
    UPDATE opsc_approval a SET reminded = due.number FROM due
    WHERE a.id = due.approval AND due.gate IS NULL AND a.status = 'requested' AND a.reminded < due.number
    RETURNING due.*
), steps AS (
    UPDATE opsc_step_gate g SET reminded = due.number FROM due
    WHERE g.id = due.gate AND g.status = 'requested' AND g.reminded < due.number
    RETURNING due.*
), told AS (
    SELECT t.*, ceil(extract(epoch FROM t.expires_at - statement_timestamp()))::int AS left_s, t.quorum - (
               SELECT count(*) FROM opsc_approval_vote v
               WHERE v.approval_id = t.approval AND v.gate_id IS NOT DISTINCT FROM t.gate AND v.decision = 'approved'
           ) AS missing,
           coalesce((SELECT s.key FROM opsc_step_gate g JOIN opsc_step s ON s.id = g.step_id WHERE g.id = t.gate), '')
               AS step
    FROM (SELECT * FROM runs UNION ALL SELECT * FROM steps) t
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, type, actor_kind, actor, trace_id, data)
    SELECT told.tenant_id, told.execution_id, 'approval.reminder', 'system', 'scheduler', e.trace_id,
           jsonb_build_object('left_s', told.left_s, 'missing', told.missing, 'last', told.number = 2)
               || CASE WHEN told.step = '' THEN '{}' ELSE jsonb_build_object('step', told.step) END
    FROM told JOIN opsc_execution e ON e.id = told.execution_id
)
SELECT execution_id, step, left_s, missing FROM told
"""

# What began without its approval: once a day, counted from then.
_TO_REVIEW: LiteralString = """
WITH due AS (
    UPDATE opsc_approval SET reminded = days.number
    FROM (SELECT id AS about, floor(extract(epoch FROM statement_timestamp() - decided_at) / 86400)::int AS number
          FROM opsc_approval WHERE status = 'break_glass' AND reviewed_by_id IS NULL) days
    WHERE id = days.about AND status = 'break_glass' AND reviewed_by_id IS NULL AND reminded < days.number
    RETURNING execution_id, tenant_id, reminded
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, type, actor_kind, actor, trace_id, data)
    SELECT due.tenant_id, due.execution_id, 'approval.review_due', 'system', 'scheduler', e.trace_id,
           jsonb_build_object('days', due.reminded)
    FROM due JOIN opsc_execution e ON e.id = due.execution_id
)
SELECT execution_id, reminded AS days FROM due
"""


def remind_due() -> int:
    """Leave an event and a line in the log for each that is due; how many."""
    rows = fetch(_REMIND, {"last": LAST_PART})
    for row in rows:
        logger.warning(
            "execution %s%s: its approval expires in %s s and needs %s more",
            row["execution_id"],
            f", step {row['step']}" if row["step"] else "",
            row["left_s"],
            row["missing"],
        )
    reviews = fetch(_TO_REVIEW)
    for row in reviews:
        logger.error(
            "execution %s began without its approval %s days ago, and nobody reviewed that",
            row["execution_id"],
            row["days"],
        )
    return len(rows) + len(reviews)
