"""Whether a worker may begin: the database answers and has exactly the tables that this version knows."""

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

OUR_APPS = ("executions", "safety", "signin")


def refusal() -> str:
    """Why no step may run here now, in one line; empty when one may."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        return f"the database does not answer ({str(error).strip().splitlines()[0]})"
    if missing:
        return f"the database is older than this version, {len(missing)} migrations are missing: manage.py migrate"
    loader = executor.loader
    unknown = [
        name
        for name in loader.applied_migrations
        if name[0] in OUR_APPS and name not in loader.disk_migrations
    ]
    if unknown:
        return f"the database is newer than this version (it knows {'.'.join(unknown[0])}): upgrade first"
    return ""
