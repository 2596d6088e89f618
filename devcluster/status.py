"""`./dev status`: processes, plans and nodes as they are now."""

from __future__ import annotations

from devcluster import local
from devcluster.cluster_api import BRING_UP, ClusterApi
from devcluster.layout import ClusterLayout
from devcluster.processes import ProcessTable
from devcluster.progress import Printer
from devcluster.requests import UnreachableError


def show(layout: ClusterLayout, printer: Printer) -> bool:
    """Print the state of everything; return True if all of it runs and every plan is complete."""
    whole = _processes(layout, printer)
    if ProcessTable(layout.directory).find("scheduler") is None:
        return False
    try:
        return _plans_and_nodes(ClusterApi(layout, local.token(layout)), layout, printer) and whole
    except UnreachableError as error:
        printer.plain(f"The API does not answer: {error}.")
        return False


def _processes(layout: ClusterLayout, printer: Printer) -> bool:
    table = ProcessTable(layout.directory)
    addresses = {"zookeeper": layout.zookeeper, "s3": layout.s3, "master": layout.master, "scheduler": layout.api}
    addresses |= {agent.name: agent.address for agent in layout.agents}
    whole = True
    printer.plain("Processes")
    for name in local.part_names(layout):
        process = table.find(name)
        whole &= process is not None
        printer.plain(f"  {name:<12} {addresses[name]!s:<18} {f'pid {process.pid}' if process else 'not running'}")
    return whole


def _plans_and_nodes(api: ClusterApi, layout: ClusterLayout, printer: Printer) -> bool:
    plans = api.plans()
    printer.plain("Plans")
    for plan in plans:
        printer.plain(f"  {plan.name:<12} {printer.coloured(plan.status)}".rstrip())
        for step in plan.steps:
            if step.status != "COMPLETE":
                printer.plain(f"    {step.name:<10} {printer.coloured(step.status)} {step.message}")
    printer.plain("Nodes")
    serving = api.serving()
    for node in api.nodes():
        cql = [address for address in serving if address.rpartition(":")[0] == node.address]
        printer.plain(f"  {node.name:<12} {node.address:<18} {node.mode}{'  CQL ' + cql[0] if cql else ''}")
    return all(plan.status == "COMPLETE" for plan in plans if plan.name in BRING_UP) and len(serving) >= layout.nodes
