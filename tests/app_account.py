"""The database account that docs/security.md gives the application."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

PAGE = settings.BASE_DIR / "docs/security.md"


@contextmanager
def app_account() -> Iterator[str]:
    """This connection has the rights of that account and no others; its name."""
    (lines,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    role = f"opsc_app_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(re.sub(r"\bopsc_app\b", role, lines))
        cursor.execute(f"SET ROLE {role}")
        try:
            yield role
        finally:
            cursor.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")
