"""An OpenBao engine that lends accounts of a PostgreSQL server."""

import secrets
from urllib.parse import urlsplit

import hvac
import psycopg

from tests.services.openbao import OpenBao

_CREATE = """CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"""


class Lending:
    """The database engine at `acme/db`, with a role `app`; `accounts` looks at the database itself."""

    def __init__(self, server: OpenBao, database_url: str, *, ttl: str = "1h", longest: str = "24h") -> None:
        self.url, self._mark = (
            database_url,
            f"v-{secrets.token_hex(4)}",
        )  # accounts belong to the whole server
        self.client = hvac.Client(url=server.url, token=server.token)
        if "acme/db/" not in self.client.sys.list_mounted_secrets_engines()["data"]:
            self.client.sys.enable_secrets_engine("database", path="acme/db")
        parts = urlsplit(database_url)
        self.client.secrets.database.configure(
            name="main",
            plugin_name="postgresql-database-plugin",
            allowed_roles="*",
            connection_url=f"postgresql://{{{{username}}}}:{{{{password}}}}@{parts.hostname}:{parts.port}"
            f"{parts.path}?sslmode=disable",
            username=parts.username,
            password=parts.password,
            username_template=self._mark + "-{{.RoleName}}-{{random 20}}",
            mount_point="acme/db",
        )
        self.role("app", ttl=ttl, longest=longest)

    def role(self, name: str, *, ttl: str, longest: str) -> None:
        """What `acme/db/creds/<name>` lends, and for how long."""
        self.client.secrets.database.create_role(
            name=name,
            db_name="main",
            creation_statements=[_CREATE],
            default_ttl=ttl,
            max_ttl=longest,
            mount_point="acme/db",
        )

    def accounts(self) -> list[str]:
        """The accounts that are lent at this moment."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolname LIKE %s ORDER BY 1", [f"{self._mark}-%"]
            )
            return [row[0] for row in rows]

    def can_sign_in(self, username: str, password: str) -> bool:
        """Whether the database takes this account."""
        try:
            psycopg.connect(self.url, user=username, password=password).close()
        except psycopg.OperationalError:
            return False
        return True

    def revoke_all(self) -> None:
        """Take everything back."""
        self.client.sys.revoke_prefix("acme/db")
