"""The plan language, version 1, as strict models."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from executions.plans.fields import (
    Absent,
    FilledLine,
    JsonWithReferences,
    Line,
    Name,
    Pattern,
    Reference,
    Seconds,
    StepId,
    TargetText,
    TextOrReference,
    Url,
    Variable,
)

SUPPORTED_VERSIONS = (1,)

ActionClassName = Literal["read", "modify", "deploy"]
EffectName = Literal["read", "idempotent", "checkable", "unsafe"]
Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


class Strict(BaseModel):
    """Unknown keys are refused and no value is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CommandArguments(Strict):
    """A program and its arguments, passed on exactly as written; no shell reads them."""

    argv: Annotated[list[Line], Field(min_length=1, max_length=1000)]
    cwd: Annotated[FilledLine | None, Absent()] = None
    env: dict[Variable, str] = {}
    secrets: dict[Variable, Reference] = {}
    stdin: Annotated[TextOrReference | None, Absent()] = None


class ScriptArguments(Strict):
    """A script and the program that reads it."""

    script: Annotated[str, Field(min_length=1)]
    interpreter: FilledLine = "/bin/sh"
    cwd: Annotated[FilledLine | None, Absent()] = None
    env: dict[Variable, str] = {}
    secrets: dict[Variable, Reference] = {}
    stdin: Annotated[TextOrReference | None, Absent()] = None


class HttpArguments(Strict):
    """One HTTP request; redirects are not followed. At most one of `body` and `json`."""

    method: Method = "GET"
    url: Url
    headers: dict[str, TextOrReference] = {}
    body: Annotated[TextOrReference | None, Absent()] = None
    json_: JsonWithReferences = Field(default=None, alias="json")


class WaitArguments(Strict):
    """A pause, seconds."""

    seconds: Seconds


class CommandExpect(Strict):
    """When a command counts as succeeded. The patterns search its output."""

    exit_codes: Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=1, max_length=256)] = [
        0
    ]
    output: Annotated[Pattern | None, Absent()] = None
    not_output: Annotated[Pattern | None, Absent()] = None


class HttpExpect(Strict):
    """When a request counts as succeeded; without `status` any 2xx does."""

    status: Annotated[
        list[Annotated[int, Field(ge=100, le=599)]] | None, Field(min_length=1, max_length=500), Absent()
    ] = None
    output: Annotated[Pattern | None, Absent()] = None
    not_output: Annotated[Pattern | None, Absent()] = None


class CommandProbe(Strict):
    """A read-only command that tells whether a lost step took effect."""

    kind: Literal["command"]
    with_: CommandArguments = Field(alias="with")
    expect: CommandExpect = CommandExpect()


class ScriptProbe(Strict):
    """A read-only script that tells whether a lost step took effect."""

    kind: Literal["script"]
    with_: ScriptArguments = Field(alias="with")
    expect: CommandExpect = CommandExpect()


class HttpProbe(Strict):
    """A read-only request that tells whether a lost step took effect."""

    kind: Literal["http"]
    with_: HttpArguments = Field(alias="with")
    expect: HttpExpect = HttpExpect()


Probe = Annotated[CommandProbe | ScriptProbe | HttpProbe, Field(discriminator="kind")]


class CommandCleanUp(Strict):
    """A command that puts the target in order after its step was stopped; `timeout` in seconds."""

    kind: Literal["command"]
    with_: CommandArguments = Field(alias="with")
    timeout: Annotated[Seconds | None, Absent()] = None


class ScriptCleanUp(Strict):
    """A script that puts the target in order after its step was stopped; `timeout` in seconds."""

    kind: Literal["script"]
    with_: ScriptArguments = Field(alias="with")
    timeout: Annotated[Seconds | None, Absent()] = None


class HttpCleanUp(Strict):
    """A request that puts things in order after its step was stopped; `timeout` in seconds."""

    kind: Literal["http"]
    with_: HttpArguments = Field(alias="with")
    timeout: Annotated[Seconds | None, Absent()] = None


CleanUp = Annotated[CommandCleanUp | ScriptCleanUp | HttpCleanUp, Field(discriminator="kind")]


class StepBase(Strict):
    """What steps of every kind may say; times in seconds."""

    id: StepId
    name: Annotated[Name | None, Absent()] = None
    target: Annotated[TargetText | None, Absent()] = None
    targets: Annotated[list[TargetText] | None, Absent()] = None
    depends_on: Annotated[list[str] | None, Absent()] = None
    action_class: Annotated[ActionClassName | None, Absent()] = None
    timeout: Annotated[Seconds | None, Absent()] = None
    retries: Annotated[int, Field(ge=0, le=20)] = 0
    effect: Annotated[EffectName | None, Absent()] = None
    verify: Annotated[Probe | None, Absent()] = None
    on_cancel: Annotated[CleanUp | None, Absent()] = None
    on_failure: Literal["abort", "continue"] = "abort"
    approval_point: bool = False
    max_parallel: Annotated[int | None, Field(ge=1, le=10_000), Absent()] = None
    estimate: Annotated[Seconds | None, Absent()] = None


class CommandStep(StepBase):
    """Runs one program on each target."""

    kind: Literal["command"]
    with_: CommandArguments = Field(alias="with")
    expect: CommandExpect = CommandExpect()


class ScriptStep(StepBase):
    """Runs one script on each target."""

    kind: Literal["script"]
    with_: ScriptArguments = Field(alias="with")
    expect: CommandExpect = CommandExpect()


class HttpStep(StepBase):
    """Sends one request, once for each target it names, or once."""

    kind: Literal["http"]
    with_: HttpArguments = Field(alias="with")
    expect: HttpExpect = HttpExpect()


class WaitStep(StepBase):
    """Lets time pass."""

    kind: Literal["wait"]
    with_: WaitArguments = Field(alias="with")


Step = CommandStep | ScriptStep | HttpStep | WaitStep
STEP_KINDS: dict[str, type[Step]] = {
    "command": CommandStep,
    "script": ScriptStep,
    "http": HttpStep,
    "wait": WaitStep,
}
# Parts of a step that have a kind of their own.
PARTS_BY_KIND: dict[str, dict[str, type[Strict]]] = {
    "verify": {"command": CommandProbe, "script": ScriptProbe, "http": HttpProbe},
    "on_cancel": {"command": CommandCleanUp, "script": ScriptCleanUp, "http": HttpCleanUp},
}


class ResourceWanted(Strict):
    """So much of a named resource of the tenant, held as long as the run lasts."""

    name: Name
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class PlanHeader(Strict):
    """Everything a plan says beside its steps. `targets` serve steps that need one and name none."""

    version: Annotated[int, Field(ge=min(SUPPORTED_VERSIONS), le=max(SUPPORTED_VERSIONS))]
    name: Name
    description: Annotated[str | None, Field(max_length=4000), Absent()] = None
    targets: Annotated[list[TargetText] | None, Absent()] = None
    mode: Literal["auto", "immediate", "background"] = "auto"
    priority: Literal["urgent", "normal", "bulk"] = "normal"
    approval_level: Annotated[int, Field(ge=0, le=3)] = 0
    on_busy: Literal["wait", "fail"] = "wait"
    max_wait: Annotated[Seconds | None, Absent()] = None
    lock_reads: bool = False
    resources: Annotated[list[ResourceWanted] | None, Field(max_length=100), Absent()] = None


class PlanDocument(PlanHeader):
    """A whole plan, for the published JSON schema."""

    steps: list[Annotated[Step, Field(discriminator="kind")]]


def plan_json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of plans, for documentation and editors."""
    return PlanDocument.model_json_schema()
