"""The main job on the whole path: submission, RabbitMQ, worker processes, safety chain, real targets."""

import os
import signal
import time
from pathlib import Path
from uuid import UUID, uuid4

from executions import control
from executions.models import Asset, Execution, StepRun
from executions.resolution import resolve
from executions.submission import submit
from tests.fleet import Fleet
from tests.services.httpd import TargetHttp
from tests.services.openssh import Sshd
from tests.world import World, events_of, output_of, runs_of, script, status_of, until, wait_step


def over(execution_id: UUID) -> bool:
    return Execution.objects.get(pk=execution_id).is_terminal


def ssh_asset(world: World, sshd: Sshd, name: str) -> Asset:
    return Asset.objects.create(
        tenant=world.acme,
        name=name,
        connection="ssh",
        address=sshd.address,
        port=sshd.port,
        username=sshd.username,
        host_keys=sshd.known_hosts,
        credentials={"private_key": {"secret": "env:SSH_KEY"}},
    )


def test_three_steps_on_two_hosts_over_ssh_through_rabbitmq_and_two_workers(
    world: World, rabbitmq, tmp_path: Path, sshds
) -> None:
    fleet = Fleet(rabbitmq.url, tmp_path)
    first, second = sshds(), sshds()
    fleet.env |= {
        "OPSC_SECRET_ACME__SSH_KEY": first.private_key,
        "OPSC_SECRET_ACME__SSH_KEY_2": second.private_key,
    }
    ssh_asset(world, first, "web-1")
    other = ssh_asset(world, second, "web-2")
    other.credentials = {"private_key": {"secret": "env:SSH_KEY_2"}}
    other.save()
    fleet.start()
    try:
        mark = tmp_path / "mark"
        submitted = world.submit(
            script("uname -s", "facts", action_class="read"),
            {"id": "write", "kind": "command", "with": {"argv": ["touch", "--", str(mark)]}, "estimate": 15},
            script(f"test -e {mark} && echo written", "check", action_class="read"),
            targets=["web-1", "web-2"],
        )
        until(lambda: over(submitted.execution_id), timeout_s=60)
    finally:
        fleet.stop()
    assert status_of(submitted.execution_id) == "succeeded", [
        run.detail for run in runs_of(submitted.execution_id)
    ]
    runs = runs_of(submitted.execution_id)
    assert len(runs) == 6
    assert {output_of(run) for run in runs if run.step.key == "check"} == {"written\n"}
    assert {output_of(run) for run in runs if run.step.key == "facts"} == {"Linux\n"}


def test_a_command_survives_the_worker_that_started_it(world: World, fleet: Fleet, tmp_path: Path) -> None:
    world.here()
    lines = tmp_path / "lines"
    text = f"echo before; sleep 4; echo line >> {lines}; echo after"
    submitted = world.submit(script(text, estimate=60), targets=["here"])
    run = until(lambda: StepRun.objects.filter(execution=submitted.execution_id, status="running").first())
    until(lambda: output_of(run) == "before\n")
    fleet.kill(fleet.worker_of(run.worker))
    until(lambda: over(submitted.execution_id), timeout_s=30)
    assert status_of(submitted.execution_id) == "succeeded"
    assert lines.read_text() == "line\n"
    assert output_of(run) == "before\nafter\n"
    assert runs_of(submitted.execution_id)[0].attempt == 1
    assert "step.handed_over" in events_of(submitted.execution_id)


def test_a_post_whose_worker_was_lost_is_not_sent_again_until_a_person_decides(
    world: World, fleet: Fleet, target_http: TargetHttp
) -> None:
    url = target_http.on("/deploy", hang=True)
    post = {"id": "post", "kind": "http", "with": {"method": "POST", "url": url, "body": "x"}, "estimate": 60}
    submitted = world.submit(post, wait_step("after"))
    target_http.wait_for("/deploy")
    run = runs_of(submitted.execution_id)[0]
    fleet.kill(fleet.worker_of(run.worker))
    until(lambda: status_of(submitted.execution_id) == "needs_attention", timeout_s=20)
    time.sleep(1.5)  # several sweeps: nothing may happen by itself
    assert len(target_http.requests("/deploy")) == 1
    assert runs_of(submitted.execution_id)[0].status == "interrupted"
    resolve(run.pk, user=world.olga, decision="succeeded", reason="the far end shows the deployment")
    until(lambda: over(submitted.execution_id))
    assert status_of(submitted.execution_id) == "succeeded"
    assert len(target_http.requests("/deploy")) == 1


def test_cancel_leaves_no_process_alive_in_any_generation_or_session(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    world.here()
    pids = tmp_path / "pids"
    text = f"""
    echo $$ >> {pids}
    sh -c 'echo $$ >> {pids}; trap "" TERM
           sh -c "echo \\$\\$ >> {pids}; sleep 300 & echo \\$! >> {pids}; wait" & wait' &
    setsid sh -c 'echo $$ >> {pids}; sleep 300' &
    sleep 300
    """
    submitted = world.submit(script(text, estimate=60), targets=["here"])
    until(lambda: pids.exists() and len(pids.read_text().split()) == 5)
    began = time.monotonic()
    assert control.request_cancel(submitted.execution_id, user=world.olga, reason="enough") == "running"
    until(lambda: over(submitted.execution_id))
    assert time.monotonic() - began < 1 + 10  # the grace of the test's fleet, and what a busy machine takes
    run = runs_of(submitted.execution_id)[0]
    assert (status_of(submitted.execution_id), run.status, run.stop_confirmed) == (
        "cancelled",
        "cancelled",
        True,
    )
    assert [pid for pid in pids.read_text().split() if _is_alive(int(pid))] == []


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ten_executions_that_change_one_host_overlap_nowhere_and_all_finish(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    world.here()
    lock, overlaps = tmp_path / "lock", tmp_path / "overlaps"
    text = f"mkdir {lock} || echo overlap >> {overlaps}; sleep 0.2; rmdir {lock}"
    submitted = [world.submit(script(text, estimate=40), targets=["here"]) for _ in range(10)]
    until(lambda: all(over(each.execution_id) for each in submitted), timeout_s=60)
    assert {status_of(each.execution_id) for each in submitted} == {"succeeded"}
    assert not overlaps.exists()


def test_a_worker_paused_beyond_its_lease_writes_nothing_when_it_comes_back(
    world: World, fleet: Fleet, target_http: TargetHttp
) -> None:
    url = target_http.on("/slow", hang=True)
    submitted = world.submit(
        {"id": "post", "kind": "http", "with": {"method": "POST", "url": url, "body": "x"}, "estimate": 60}
    )
    target_http.wait_for("/slow")
    run = runs_of(submitted.execution_id)[0]
    worker = fleet.worker_of(run.worker)
    os.kill(worker.pid, signal.SIGSTOP)
    until(lambda: status_of(submitted.execution_id) == "needs_attention", timeout_s=20)
    target_http.release()
    before = StepRun.objects.filter(pk=run.pk).values().get()
    os.kill(worker.pid, signal.SIGCONT)
    until(lambda: "lost the lease" in worker.log.read_text())
    assert StepRun.objects.filter(pk=run.pk).values().get() == before
    assert output_of(run) == ""
    assert status_of(submitted.execution_id) == "needs_attention"


def test_a_forged_message_runs_nothing_and_harms_nothing(world: World, fleet: Fleet, rabbitmq) -> None:
    done = world.submit(wait_step())
    until(lambda: over(done.execution_id))
    finished_run = runs_of(done.execution_id)[0]
    message = (
        '{"queue_name":"fast","actor_name":"run_fast","args":["%s"],"kwargs":{},"options":%s,'
        '"message_id":"1","message_timestamp":1}'
    )
    for body in (
        message % (uuid4(), "{}"),
        message % (finished_run.pk, "{}"),
        message % (uuid4(), "null"),
        '{"actor_name": []}',
        "\x00garbage",
    ):
        rabbitmq.publish("fast", body.encode())
    after = world.submit(wait_step())
    until(lambda: over(after.execution_id))
    assert status_of(after.execution_id) == "succeeded"
    assert StepRun.objects.get(pk=finished_run.pk).attempt == 1
    assert Execution.objects.count() == 2
    assert all(worker.is_alive for worker in fleet.workers)


def test_the_same_plan_submitted_again_is_the_same_run(world: World, fleet: Fleet) -> None:
    plan = {"version": 1, "name": "once", "mode": "background", "steps": [wait_step()]}
    first = submit(plan, user=world.olga, tenant=world.acme)
    until(lambda: over(first.execution_id))
    assert submit(plan, user=world.olga, tenant=world.acme).execution_id == first.execution_id
