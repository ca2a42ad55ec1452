"""What can be wrong about a change of state."""

from uuid import UUID


class LifecycleError(Exception):
    """A change of state was refused; nothing was written."""


class StaleTransition(LifecycleError):
    """The state had moved on before the change arrived. Look again; a blind retry makes no sense."""

    def __init__(self, execution_id: UUID, wanted: str, found: str) -> None:
        super().__init__(
            f"Execution {str(execution_id)[:8]} cannot become {wanted}: it is {found.replace('_', ' ')}."
        )
        self.wanted, self.found = wanted, found
