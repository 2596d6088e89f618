"""`./dev up`: checks first, then bundles, processes, and the plan until every node serves."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from devcluster import executors, java, local, lock, preflight, s3, security
from devcluster.bundles import Bundles
from devcluster.cluster_api import BRING_UP, ClusterApi
from devcluster.layout import Address, ClusterLayout
from devcluster.processes import ProcessTable, StartError
from devcluster.progress import PlanView, Printer, Progress
from devcluster.requests import UnreachableError

_POLL_SECONDS = 0.3
_RELEASE_SECONDS = 20.0
# One node can take minutes on a slow machine, but then its step's message changes from time to time.
_PATIENCE_SECONDS = 600.0


class NotUsableError(Exception):
    """A machine on which the cluster cannot start; `problems` are sentences for the user, and nothing was started."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StuckError(Exception):
    """A plan that makes no progress; the cluster runs on. The text names the step."""


def resolve(
    base: ClusterLayout,
    nodes: int | None,
    heap_mb: int | None,
    spare_agents: int | None = None,
    secure: bool = False,
) -> ClusterLayout:
    """Return the layout to bring up: requested sizes, else those of the cluster in its directory, else defaults.

    A secure cluster stays one.
    """
    kept = base.remembered() or base
    return replace(
        kept,
        nodes=kept.nodes if nodes is None else nodes,
        heap_mb=kept.heap_mb if heap_mb is None else heap_mb,
        spare_agents=kept.spare_agents if spare_agents is None else spare_agents,
        secure=kept.secure or secure,
    )


def up(layout: ClusterLayout, printer: Printer) -> tuple[list[str], list[str]]:
    """Bring the cluster up, wait for its nodes, and return the names of started processes and the addresses for CQL.

    Raises:
        NotUsableError: something is missing.
        StartError: a process does not start.
        StuckError: the plan stops.
        BusyError: another command starts or stops the cluster.
    """
    with lock.exclusive(layout.directory):
        java_home = _check(layout)
        built = Bundles(layout.bundles_directory)
        built.build(java_home, printer.line)
        token = local.token(layout)
        started = _start(layout, built, java_home, printer)
    # A command that only watches must not block another one.
    api = ClusterApi(layout, token)
    contact_points = wait_for_nodes(layout, api, printer)
    if layout.secure:
        security.write_client_files(layout, api.authorities(), _address(contact_points[0]))
    return started, contact_points


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host, int(port))


def _start(layout: ClusterLayout, built: Bundles, java_home: Path, printer: Printer) -> list[str]:
    """Store the sizes, so that they are known after an interrupted start too, and start the processes."""
    before = layout.remembered()
    layout.remember()
    try:
        return local.start(layout, built, java_home, printer.line)
    except StartError:
        if before is None:
            layout.forget()
        else:
            before.remember()
        raise


def _check(layout: ClusterLayout) -> Path:
    """Check everything that must hold before a start, and return the home of Java."""
    existing = layout.remembered()
    table = ProcessTable(layout.directory)
    running = [name for name in local.part_names(layout) if table.find(name)]
    with_node = [f"node on {agent.name}" for agent in layout.agents if executors.find(agent.work_directory)]
    java_home = java.find_home()
    problems = preflight.check_sizes(layout, existing)
    if running and existing is not None and existing != layout:
        problems.append(
            f"The running cluster has --nodes {existing.nodes} --heap {existing.heap_mb}; "
            "`./dev down` first, then `./dev up` with other sizes."
        )
    if not problems:
        problems += preflight.check_tools(java_home, Bundles(layout.bundles_directory).exist())
        problems += preflight.check_machine(layout, layout.nodes - len(with_node))
        problems += _check_ports(layout, [*running, *with_node], patient=bool(table.names()))
    if problems or java_home is None:
        raise NotUsableError(problems)
    return java_home


def _check_ports(layout: ClusterLayout, running: list[str], patient: bool) -> list[str]:
    """Return problems with used ports; a killed process can leave a child that holds its port for some seconds more."""
    wanted = preflight.ports_wanted(layout, running)
    deadline = time.monotonic() + (_RELEASE_SECONDS if patient else 0.0)
    while (problems := preflight.check_ports(wanted)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return problems


def wait_for_nodes(layout: ClusterLayout, api: ClusterApi, printer: Printer) -> list[str]:
    """Show the plans' progress until all are complete and every node serves CQL; return the addresses."""
    table = ProcessTable(layout.directory)
    progress = Progress(printer)
    while True:
        try:
            plans = [plan for plan in api.plans() if plan.name in BRING_UP]
            for plan in plans:
                progress.show(plan)
            serving = api.serving()
            done = all(plan.status == "COMPLETE" for plan in plans) and len(serving) >= layout.nodes
            if done and _are_users_made(layout, api):
                return serving
            _fail_if_stuck(plans, printer.clock() - progress.changed_at)
        except UnreachableError as error:
            printer.live(f"waiting for the API: {error}")
        if table.find("scheduler") is None:
            raise StuckError(f"The scheduler has ended.\n{table.last_lines('scheduler')}")
        time.sleep(_POLL_SECONDS)


def _are_users_made(layout: ClusterLayout, api: ClusterApi) -> bool:
    """Return whether clients can log in to a secure cluster, whose users are made after the nodes."""
    return not layout.secure or api.has_users()


def _fail_if_stuck(plans: list[PlanView], quiet_seconds: float) -> None:
    for plan in plans:
        if plan.status == "ERROR":
            details = [*plan.errors, *(f"{step.name}: {step.message}" for step in plan.steps if step.status == "ERROR")]
            raise StuckError("\n".join([f"The plan {plan.name} failed:", *(f"  {line}" for line in details)]))
    if quiet_seconds > _PATIENCE_SECONDS:
        waiting = next((step for plan in plans for step in plan.steps if step.status != "COMPLETE"), None)
        where = f"{waiting.name} is {waiting.status}: {waiting.message}" if waiting else "a node does not serve CQL"
        raise StuckError(f"Nothing has changed for {_PATIENCE_SECONDS / 60:.0f} minutes; {where}")


def summary(layout: ClusterLayout, contact_points: list[str]) -> list[str]:
    """Return the addresses and commands to use next."""
    token_file = security.shown(layout.token_file)
    ca = "" if layout.api_ca is None else f" CASSANDRA_MESOS_CA={layout.api_ca}"
    curl = "curl" if layout.api_ca is None else f"curl --cacert {layout.api_ca}"
    return [
        f"CQL         {', '.join(contact_points)}",
        f"Page        {layout.api_url}/ui/",
        f"API         {layout.api_url}/v1/plan",
        f"Token       {token_file}",
        f"Mesos       {layout.master_url}/state",
        f"ZooKeeper   {layout.zookeeper_tls if layout.secure else layout.zookeeper}",
        f"S3          http://{layout.s3}/{s3.BUCKET} (in memory), for the nodes also s3://{s3.BUCKET}",
        "",
        "Next:",
        f"  export CASSANDRA_MESOS_URL={layout.api_url} CASSANDRA_MESOS_TOKEN_FILE={token_file}{ca}",
        "  .venv/bin/cassandra-mesos status",
        f"  export AUTH_TOKEN=$(cat {token_file})",
        f'  {curl} -H "Authorization: token=$AUTH_TOKEN" {layout.api_url}/service/{layout.service_name}/v1/plan',
        f'  {curl} -H "Authorization: token=$AUTH_TOKEN" {layout.api_url}/{layout.service_name}/v1/connection',
        f'  {curl} -H "Authorization: token=$AUTH_TOKEN" {layout.api_url}/v1/nodes/node-0/status',
        "  ./dev status",
        "  ./dev down",
        *(["", *security.how_to_connect(layout, _address(contact_points[0]))] if layout.secure else []),
    ]
