"""Who may do what: one table of memberships and one of roles, asked by pages, commands, admin and workers."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any, LiteralString
from uuid import UUID

from safety.choices import ActionClass, Environment, Permission
from safety.glance import glanced
from safety.sql import Row, fetch, fetch_one

# Every pair of environment and action class: whoever holds a right for all of it holds it without limits.
EVERYTHING: tuple[tuple[str, str], ...] = tuple(product(Environment.values, ActionClass.values))

# Whoever has any standing membership of a tenant sees all of it: a run is judged by its whole history. What somebody
# may do in a tenant is one thing, too.
WITHOUT_LIMITS = frozenset({Permission.VIEW.value, Permission.EXPLAIN.value, Permission.READ_AUDIT.value})

# What takes a person's judgement: no service account has it, whatever its roles hold.
OF_PEOPLE = [Permission.APPROVE.value, Permission.BREAK_GLASS.value]

# The right to have steps of an action class run in one's name: this and the class.
RUN = "run:"

# Every membership of the person in the tenant as of now, everything that was asked, and the first of it that no
# standing membership covers; then why. An empty environment or action class asks for any. `serves`: the tenant of a
# service account, and whether its owner still is one of the tenant's people.
_ANSWER: LiteralString = """
WITH person AS (
    SELECT u.username, u.is_active, s.tenant_id AS serves, EXISTS (
        SELECT FROM opsc_membership m JOIN auth_user o ON o.id = m.user_id AND o.is_active
        WHERE m.user_id = s.owner_id AND m.tenant_id = s.tenant_id
          AND (m.ends_at IS NULL OR m.ends_at > statement_timestamp())) AS owned
    FROM auth_user u LEFT JOIN opsc_service_account s ON s.user_id = u.id WHERE u.id = %(actor)s
), held AS (
    SELECT role, environments, action_classes, approves_up_to,
           (ends_at IS NULL OR ends_at > statement_timestamp()) AS standing
    FROM opsc_membership WHERE user_id = %(actor)s AND tenant_id = %(tenant)s
), wanted AS (
    SELECT * FROM unnest(%(questions)s::text[], %(environments)s::text[], %(classes)s::text[], %(levels)s::int[])
        WITH ORDINALITY AS w(question, environment, action_class, level, place)
), able AS (
    SELECT w.place, h.role, h.environments, h.action_classes, h.approves_up_to, w.level <= h.approves_up_to AS high,
           (w.environment = '' OR h.environments = '{}' OR w.environment = ANY(h.environments)) AS here,
           (w.action_class = '' OR h.action_classes = '{}' OR w.action_class = ANY(h.action_classes)) AS so
    FROM wanted w JOIN held h ON h.standing
    JOIN opsc_role r ON r.name = h.role AND w.question = ANY(r.permissions)
), missing AS (
    SELECT w.* FROM wanted w
    WHERE NOT EXISTS (SELECT FROM able a WHERE a.place = w.place AND a.here AND a.so AND a.high)
    ORDER BY w.place LIMIT 1
), answer AS MATERIALIZED (
    SELECT coalesce((SELECT place FROM missing), 1) AS place, left(CASE
        WHEN %(objection)s::text <> '' THEN %(objection)s::text
        WHEN NOT EXISTS (SELECT FROM person) THEN 'no such person'
        WHEN NOT (SELECT is_active FROM person) THEN 'the account is deactivated'
        WHEN (SELECT serves <> %(tenant)s FROM person) THEN 'a service account acts in its own tenant only'
        WHEN (SELECT serves IS NOT NULL AND NOT owned FROM person) THEN
            'nobody of the tenant answers for this service account any more'
        WHEN (SELECT serves IS NOT NULL FROM person) AND %(of_people)s::text[] && %(questions)s::text[] THEN
            'a service account approves nothing'
        WHEN EXISTS (SELECT FROM opsc_api_token WHERE id = %(token)s AND revoked_at IS NOT NULL) THEN
            'the API token was revoked'
        WHEN NOT EXISTS (SELECT FROM missing) THEN ''
        WHEN NOT EXISTS (SELECT FROM held) THEN 'no membership in this tenant'
        WHEN NOT EXISTS (SELECT FROM held WHERE standing) THEN 'the membership has ended'
        WHEN NOT EXISTS (SELECT FROM able a JOIN missing m ON a.place = m.place) THEN
            'the role ' || (SELECT string_agg(DISTINCT role, ', ') FROM held WHERE standing) || ' does not allow it'
        WHEN NOT EXISTS (SELECT FROM able a JOIN missing m ON a.place = m.place WHERE a.here) THEN
            (SELECT 'the role ' || string_agg(DISTINCT a.role || ' is limited to '
                    || array_to_string(a.environments, ', '), '; ') || ', this is ' || min(m.environment)
             FROM able a JOIN missing m ON a.place = m.place)
        WHEN NOT EXISTS (SELECT FROM able a JOIN missing m ON a.place = m.place WHERE a.here AND a.so) THEN
            (SELECT 'the role ' || string_agg(DISTINCT a.role || ' is limited to '
                    || array_to_string(a.action_classes, ', ') || ' steps', '; ') || ', this is '
                    || min(m.action_class)
             FROM able a JOIN missing m ON a.place = m.place WHERE a.here)
        ELSE (SELECT 'the role ' || string_agg(DISTINCT a.role || ' approves up to level ' || a.approves_up_to, '; ')
                     || ', this is level ' || min(m.level)
              FROM able a JOIN missing m ON a.place = m.place WHERE a.here AND a.so) END, 200) AS objection
)
"""

_SAY: LiteralString = """
SELECT a.objection = '' AS allowed, a.objection AS reason, w.question, w.environment,
       coalesce((SELECT username FROM person), '') AS person
FROM answer a JOIN wanted w ON w.place = a.place
"""
_LOOK: LiteralString = _ANSWER + _SAY

# One statement: look at the person as of now, decide, write the answer down. No row written, no answer.
_WRITE: LiteralString = """
INSERT INTO opsc_access_decision
    (tenant_id, actor_id, question, environment, asset_id, execution_id, step_run_id, allowed, reason)
SELECT %(tenant)s, %(actor)s, w.question, w.environment, %(asset)s, %(execution)s, %(step_run)s,
       a.objection = '', a.objection
FROM answer a JOIN wanted w ON a.objection = '' OR w.place = a.place
RETURNING allowed, reason, question, environment, coalesce((SELECT username FROM person), '') AS person
"""
_DECIDE: LiteralString = _ANSWER + _WRITE

# Somebody who is refused again and again leaves one row a minute for the same question, and sixty in all.
_REFUSED: LiteralString = """
INSERT INTO opsc_access_decision (tenant_id, actor_id, question, environment, asset_id, execution_id, allowed, reason)
SELECT %(tenant)s, %(actor)s, %(question)s, %(environment)s, %(asset)s, %(execution)s, false, left(%(reason)s, 200)
WHERE NOT EXISTS (
    SELECT FROM opsc_access_decision d
    WHERE d.actor_id = %(actor)s AND NOT d.allowed AND d.at > statement_timestamp() - interval '1 minute'
      AND d.tenant_id = %(tenant)s AND d.question = %(question)s AND d.environment = %(environment)s
      AND d.execution_id IS NOT DISTINCT FROM %(execution)s::uuid
      AND d.asset_id IS NOT DISTINCT FROM %(asset)s::uuid
) AND 60 > (SELECT count(*) FROM (
    SELECT FROM opsc_access_decision d
    WHERE d.actor_id = %(actor)s AND NOT d.allowed AND d.at > statement_timestamp() - interval '1 minute' LIMIT 60
) lately)
RETURNING id
"""

# For the statement that stores an execution: its permission is recorded with it, or not at all. It reads a row
# `execution` (id, tenant_id) and the parameters user and touches ("environment:action class" each).
RECORD_ALLOWED: LiteralString = """
    INSERT INTO opsc_access_decision (tenant_id, actor_id, question, environment, execution_id, allowed, reason)
    SELECT tenant_id, %(user)s, 'run:' || split_part(touched, ':', 2), split_part(touched, ':', 1), id, true, ''
    FROM execution, unnest(%(touches)s::text[]) AS touched
"""


@dataclass(frozen=True)
class Want:
    """A permission, or a right to run, that is asked for; an empty environment or action class means any.

    level: of the approval that is to be decided; 0 where that is not the question.
    """

    question: str
    environment: str
    action_class: str
    level: int = 0


@dataclass(frozen=True, kw_only=True)
class Question:
    """May this actor do all of this in this tenant?

    objection: why not, when that is known before the person is looked at. token_id: the API token with which it was
    asked for. One that was revoked allows nothing any more. One that has expired does not stop what was begun in
    time: what a run may do is the person's role, and a date that was known from the start must not cut it in half.
    """

    tenant_id: int
    actor_id: int | None
    wants: tuple[Want, ...]
    token_id: int | None = None
    asset_id: UUID | None = None
    execution_id: UUID | None = None
    step_run_id: UUID | None = None
    objection: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`reason` says why not; empty when allowed. `question` and `environment`: what was refused."""

    allowed: bool
    reason: str
    question: str = ""
    environment: str = ""
    person: str = ""


def to_run(touches: Iterable[tuple[str, str]]) -> tuple[Want, ...]:
    """The right to have steps run, for each pair of environment and action class."""
    return tuple(Want(f"{RUN}{action}", environment, action) for environment, action in touches)


def to_hold(
    permission: str, touches: Iterable[tuple[str, str]] = (("", ""),), level: int = 0
) -> tuple[Want, ...]:
    """The right to a permission, for each pair of environment and action class; nobody has an unknown one."""
    limits = (("", ""),) if permission in WITHOUT_LIMITS else touches
    high = level if permission == Permission.APPROVE else 0
    return tuple(Want(permission, environment, action, high) for environment, action in limits)


def to_give(permissions: Iterable[str], reach: Iterable[tuple[str, str]], level: int) -> tuple[Want, ...]:
    """All that a membership with these permissions is good for where it reaches; nothing of classes beyond that.

    level: the highest that it approves.
    """
    pairs = tuple(reach)
    return tuple(want for one in permissions for want in _all_of(one, pairs, level))


def _all_of(permission: str, pairs: tuple[tuple[str, str], ...], level: int) -> tuple[Want, ...]:
    if permission.startswith(RUN):
        return to_run(pair for pair in pairs if permission == f"{RUN}{pair[1]}")
    levels = range(1, level + 1) if permission == Permission.APPROVE else (0,)
    return tuple(want for one in levels for want in to_hold(permission, pairs, one))


def touched_by(about: Any) -> tuple[tuple[str, str], ...]:
    """The pairs of environment and action class that an object stands for; ("", "") where it says nothing."""
    stored: list[str] = getattr(about, "touches", [])
    pairs = tuple((pair.partition(":")[0], pair.partition(":")[2]) for pair in stored)
    return pairs or ((getattr(about, "environment", ""), getattr(about, "action_class", "")),)


# The same for whoever says that what looks like a secret in the plan is none; parameter `override`, null without.
RECORD_OVERRIDE: LiteralString = """
    INSERT INTO opsc_access_decision (tenant_id, actor_id, question, environment, execution_id, allowed, reason)
    SELECT DISTINCT tenant_id, %(user)s, 'safety.override_secret_check', split_part(touched, ':', 1), id, true, ''
    FROM execution, unnest(%(touches)s::text[]) AS touched WHERE %(override)s::jsonb IS NOT NULL
"""


def look(question: Question) -> Answer:
    """The same answer as `decide` gives, not written down: for those who record it with what they do."""
    return glanced(question, lambda: _answer(fetch_one(_LOOK, _parameters(question))))


def decide(question: Question) -> Answer:
    """Ask with a fresh look at the person, deny by default, and record the answer."""
    return _answer(fetch_one(_DECIDE, _parameters(question)))


def record_refusal(question: Question, answer: Answer) -> bool:
    """Write down that a person was refused; false when that was written often enough within the last minute."""
    asked = {"question": answer.question, "environment": answer.environment, "reason": answer.reason}
    return bool(fetch(_REFUSED, _parameters(question) | asked))


def _answer(row: Row | None) -> Answer:
    return Answer(**row) if row else Answer(allowed=False, reason="no answer")


def _parameters(question: Question) -> dict[str, Any]:
    wants = question.wants
    return {
        "tenant": question.tenant_id,
        "actor": question.actor_id,
        "questions": [want.question for want in wants],
        "environments": [want.environment for want in wants],
        "classes": [want.action_class for want in wants],
        "levels": [want.level for want in wants],
        "asset": question.asset_id,
        "execution": question.execution_id,
        "step_run": question.step_run_id,
        "objection": question.objection,
        "token": question.token_id,
        "of_people": OF_PEOPLE,
    }
