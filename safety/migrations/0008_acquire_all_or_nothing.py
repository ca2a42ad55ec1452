"""Taking leases in the database: everything that an execution wants or nothing, in the order in which was asked.

`p_ids` come sorted, each once. One call locks the rows of what is wanted in the order of their ids. Only then, with a fresh look (each statement
of a volatile function has its own), it compares with leases, reservations and the line: whoever took, freed or
reserved one of them before is seen, whoever comes later waits for the lock. Sequential scans are off, because a table
that was small when a plan was made may hold thousands of rows by now, and be read once for each that is wanted.
"""

from django.db import migrations

# Earlier waiters that a person holds up (their asset is reserved by another, or kept under review) hold up nobody.
ACQUIRE = """
CREATE SEQUENCE opsc_place_in_line;

CREATE FUNCTION opsc_acquire(
    p_tenant bigint, p_execution uuid, p_actor bigint, p_worker text, p_ttl float8,
    p_ids uuid[], p_modes text[], p_quantities int[], p_own uuid, p_queue boolean
) RETURNS TABLE (blocker text, wanted_id uuid, blocked_by uuid, granted bigint) LANGUAGE plpgsql
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    found_rows int;
    my_place bigint;
    held_ids uuid[];
    held_modes text[];
    held_quantities int[];
BEGIN
    SELECT array_agg(l.lockable_id ORDER BY l.lockable_id), array_agg(l.mode::text ORDER BY l.lockable_id),
           array_agg(l.quantity ORDER BY l.lockable_id) INTO held_ids, held_modes, held_quantities
    FROM opsc_lease l
    WHERE l.execution_id = p_execution AND l.lockable_id = ANY(p_ids) AND l.expires_at > clock_timestamp();
    IF (held_ids, held_modes, held_quantities) = (p_ids, p_modes, p_quantities) THEN
        RETURN QUERY SELECT ''::text, p_own, NULL::uuid, (
            SELECT l.token FROM opsc_lease l WHERE l.lockable_id = p_own AND l.execution_id = p_execution);
        RETURN;
    END IF;

    INSERT INTO opsc_lockable (id, tenant_id)
    SELECT w.id, p_tenant FROM unnest(p_ids) AS w(id) ORDER BY w.id ON CONFLICT DO NOTHING;
    PERFORM FROM opsc_lockable k WHERE k.id = ANY(p_ids) ORDER BY k.id FOR UPDATE;
    held_ids := ARRAY(SELECT l.lockable_id FROM opsc_lease l WHERE l.execution_id = p_execution);
    SELECT q.place INTO my_place FROM opsc_line_place q WHERE q.execution_id = p_execution LIMIT 1;

    RETURN QUERY
    WITH wanted AS (
        SELECT w.id, w.mode, w.quantity, r.capacity
        FROM unnest(p_ids, p_modes, p_quantities) AS w(id, mode, quantity)
        LEFT JOIN opsc_resource r ON r.id = w.id
    )
    SELECT 'held', w.id, l.execution_id, NULL::bigint
    FROM wanted w JOIN opsc_lease l ON l.lockable_id = w.id AND l.execution_id <> p_execution
    WHERE w.mode = 'exclusive' OR l.mode = 'exclusive' OR w.quantity > w.capacity - (
        SELECT sum(o.quantity) FROM opsc_lease o WHERE o.lockable_id = w.id AND o.execution_id <> p_execution)
    UNION ALL
    SELECT 'capacity', w.id, NULL, NULL FROM wanted w WHERE w.quantity > w.capacity
    LIMIT 50;
    GET DIAGNOSTICS found_rows = ROW_COUNT;

    IF found_rows = 0 THEN
        RETURN QUERY
        WITH missing AS (
            SELECT w.id, w.mode, w.quantity, r.capacity
            FROM unnest(p_ids, p_modes, p_quantities) AS w(id, mode, quantity)
            LEFT JOIN opsc_resource r ON r.id = w.id
            WHERE w.id <> ALL (held_ids)
        ), reserved AS (
            SELECT v.asset_id AS id, v.person_id FROM opsc_reservation v
            WHERE v.ended_at IS NULL AND v.ends_at > clock_timestamp()
        )
        SELECT 'reserved', m.id, NULL::uuid, NULL::bigint FROM missing m JOIN reserved v ON v.id = m.id
        WHERE v.person_id IS DISTINCT FROM p_actor
        UNION ALL
        SELECT 'line', m.id, q.execution_id, NULL
        FROM missing m JOIN opsc_line_place q ON q.lockable_id = m.id AND q.execution_id <> p_execution
        WHERE (my_place IS NULL OR q.place < my_place)
          AND (m.mode = 'exclusive' OR q.mode = 'exclusive' OR m.quantity > m.capacity - (
               SELECT coalesce(sum(o.quantity), 0) FROM (
                   SELECT l.quantity FROM opsc_lease l WHERE l.lockable_id = m.id AND l.execution_id <> p_execution
                   UNION ALL
                   SELECT e.quantity FROM opsc_line_place e
                   WHERE e.lockable_id = m.id AND e.execution_id <> p_execution
                     AND (my_place IS NULL OR e.place < my_place)
                     AND NOT opsc_waits_for_a_person(e.execution_id)) o))
          AND NOT opsc_waits_for_a_person(q.execution_id)
        LIMIT 50;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
    END IF;

    IF found_rows > 0 THEN
        IF p_queue THEN
            INSERT INTO opsc_line_place (lockable_id, tenant_id, execution_id, actor_id, mode, quantity, place)
            SELECT w.id, p_tenant, p_execution, p_actor, w.mode, w.quantity, p.place
            FROM (SELECT coalesce(my_place, nextval('opsc_place_in_line')) AS place) p,
                 unnest(p_ids, p_modes, p_quantities) AS w(id, mode, quantity)
            ORDER BY w.id
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN;
    END IF;

    DELETE FROM opsc_line_place q WHERE q.execution_id = p_execution;
    INSERT INTO opsc_lease AS held (lockable_id, tenant_id, execution_id, mode, quantity, worker, token, expires_at)
    SELECT w.id, p_tenant, p_execution, w.mode, w.quantity, p_worker, nextval('opsc_fencing_token'),
           clock_timestamp() + make_interval(secs => p_ttl)
    FROM unnest(p_ids, p_modes, p_quantities) AS w(id, mode, quantity)
    ORDER BY w.id
    ON CONFLICT (lockable_id, execution_id) DO UPDATE SET
        mode = EXCLUDED.mode, quantity = EXCLUDED.quantity,
        expires_at = EXCLUDED.expires_at, worker = EXCLUDED.worker,
        token = CASE WHEN held.expires_at < clock_timestamp() THEN EXCLUDED.token ELSE held.token END;
    RETURN QUERY SELECT ''::text, p_own, NULL::uuid, (
        SELECT l.token FROM opsc_lease l WHERE l.lockable_id = p_own AND l.execution_id = p_execution);
END $$;
"""

WAITS_FOR_A_PERSON = """
CREATE FUNCTION opsc_waits_for_a_person(p_execution uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM opsc_line_place q JOIN opsc_reservation v ON v.asset_id = q.lockable_id
        WHERE q.execution_id = p_execution AND v.ended_at IS NULL AND v.ends_at > clock_timestamp()
          AND v.person_id IS DISTINCT FROM q.actor_id
        UNION ALL
        SELECT FROM opsc_line_place q JOIN opsc_lease l ON l.lockable_id = q.lockable_id
        WHERE q.execution_id = p_execution AND l.under_review AND l.execution_id <> p_execution)
$$;
"""

RELEASE = """
CREATE FUNCTION opsc_release(p_execution uuid, p_leases boolean, p_reviewed boolean) RETURNS SETOF uuid
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM opsc_lockable k WHERE k.id IN (
        SELECT lockable_id FROM opsc_lease WHERE execution_id = p_execution
        UNION ALL SELECT lockable_id FROM opsc_line_place WHERE execution_id = p_execution)
    ORDER BY k.id FOR UPDATE;
    RETURN QUERY
    WITH mine AS (
        SELECT id FROM opsc_lease
        WHERE p_leases AND execution_id = p_execution AND (NOT under_review OR p_reviewed)
        ORDER BY lockable_id FOR UPDATE
    ), freed AS (
        DELETE FROM opsc_lease held USING mine WHERE held.id = mine.id RETURNING held.lockable_id
    ), left_line AS (
        DELETE FROM opsc_line_place WHERE execution_id = p_execution RETURNING lockable_id
    )
    SELECT lockable_id FROM freed UNION SELECT lockable_id FROM left_line;
END $$;
"""

REMOVE = """
DROP FUNCTION opsc_release; DROP FUNCTION opsc_acquire; DROP FUNCTION opsc_waits_for_a_person; DROP SEQUENCE opsc_place_in_line;
"""


class Migration(migrations.Migration):
    dependencies = [("safety", "0007_leases_lines_and_resources")]

    operations = [migrations.RunSQL(WAITS_FOR_A_PERSON + ACQUIRE + RELEASE, REMOVE)]
