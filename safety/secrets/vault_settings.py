"""Where a Vault server is and with what to sign in to it."""

import os
from dataclasses import dataclass, field

READ_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class VaultSettings:
    """How to reach and sign in to the server: by token, file with a token, or AppRole."""

    address: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    role_id: str = ""
    secret_id: str = field(default="", repr=False)
    secret_id_file: str = ""
    namespace: str = ""
    ca_file: str = ""
    timeout_s: float = READ_TIMEOUT_S

    @classmethod
    def from_environment(cls) -> "VaultSettings | None":
        """From the variables that Vault's own tools use; none without VAULT_ADDR."""
        given = os.environ.get
        address = given("VAULT_ADDR", "")
        if not address:
            return None
        return cls(
            address=address,
            token=given("VAULT_TOKEN", ""),
            token_file=given("VAULT_TOKEN_FILE", ""),
            role_id=given("VAULT_ROLE_ID", ""),
            secret_id=given("VAULT_SECRET_ID", ""),
            secret_id_file=given("VAULT_SECRET_ID_FILE", ""),
            namespace=given("VAULT_NAMESPACE", ""),
            ca_file=given("VAULT_CACERT", ""),
        )
