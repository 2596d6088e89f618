"""``python -m localmesos agent``: one agent as a process of its own."""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web

from localmesos.agent.agent import Agent
from localmesos.agent.config import AgentConfig
from localmesos.agent.containers.checkpoint import CheckpointError, work_dir_lock
from localmesos.agent.http.executor import ExecutorApi
from localmesos.agent.http.operator import AgentApi
from localmesos.agent.master_link import MasterLink, RefusedError
from localmesos.agent.recovery import executors_back, recover
from localmesos.agent.sandbox_gc import collect_sandboxes
from localmesos.election.detector import Detector, detector_for
from localmesos.protocol.durations import parse_duration
from localmesos.protocol.executor_tokens import read_key
from localmesos.protocol.tls import scheme, server_context
from localmesos.resources.text import parse_attributes, parse_resources

_FLUSH_SECONDS = 2.0

_LOG = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of an agent."""
    parser.add_argument("--ip", default="127.0.0.1", help="address to listen on, also the executors' address")
    parser.add_argument("--port", type=int, default=5051)
    parser.add_argument("--hostname", help="name in offers (default: the ip)")
    parser.add_argument("--master", required=True, help="HOST:PORT or zk://HOST:PORT/PATH")
    parser.add_argument("--work-dir", type=Path, required=True, help="sandboxes, volumes and the agent's state")
    parser.add_argument("--resources", type=parse_resources, required=True, help="cpus:4;mem:1024;… or a JSON array")
    parser.add_argument("--attributes", type=parse_attributes, default=[], help="rack:r1;zone:z1")
    parser.add_argument("--fetcher-cache-dir", type=Path, help="default: fetch in the work directory")
    parser.add_argument("--fetcher-ca-file", type=Path, help="more authorities of HTTPS servers, in PEM")
    parser.add_argument("--authenticate-http-executors", action="store_true", help="executors need their tokens")
    parser.add_argument("--jwt-secret-key", type=Path, help="file with the key of those tokens (default: made once)")
    variables = "JSON object: environment of all executors, such as LIBPROCESS_SSL_ENABLED"
    parser.add_argument("--executor-environment-variables", type=json.loads, default={}, help=variables)
    for name, default in (
        ("--executor-registration-timeout", "60secs"),
        ("--executor-reregistration-timeout", "2secs"),
        ("--recovery-timeout", "15mins"),
        ("--executor-shutdown-grace-period", "5secs"),
        ("--status-update-retry", "10secs"),
        ("--gc-delay", "1weeks"),
        ("--reap-interval", "100ms"),
    ):
        parser.add_argument(name, type=parse_duration, default=parse_duration(default), help=f"default: {default}")


def read_config(args: argparse.Namespace) -> AgentConfig:
    """Return the AgentConfig of parsed options."""
    work_dir: Path = args.work_dir.resolve()
    cache = args.fetcher_cache_dir
    return AgentConfig(
        ip=args.ip,
        port=args.port,
        hostname=args.hostname or args.ip,
        master=args.master,
        work_dir=work_dir,
        resources=args.resources,
        attributes=args.attributes,
        fetcher_cache_dir=cache.resolve() if cache is not None else work_dir / "fetch",
        fetcher_ca_file=args.fetcher_ca_file,
        executor_registration_timeout=args.executor_registration_timeout,
        executor_reregistration_timeout=args.executor_reregistration_timeout,
        recovery_timeout=args.recovery_timeout,
        executor_shutdown_grace_period=args.executor_shutdown_grace_period,
        status_update_retry=args.status_update_retry,
        gc_delay=args.gc_delay,
        reap_interval=args.reap_interval,
        token_key=_token_key(args, work_dir),
        executor_environment=args.executor_environment_variables,
    )


def _token_key(args: argparse.Namespace, work_dir: Path) -> bytes | None:
    given: Path | None = args.jwt_secret_key
    if not args.authenticate_http_executors:
        return None
    return read_key(work_dir / "executor-token-key") if given is None else given.read_bytes()


def run(args: argparse.Namespace) -> int:
    """Return the exit status of an agent after SIGTERM (executors live on), SIGUSR1 (leave) or the master's refusal."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return asyncio.run(_serve(read_config(args)))
    except (CheckpointError, ValueError, OSError) as error:
        _LOG.error("%s", error)
        return 1


async def _serve(config: AgentConfig) -> int:
    agent: Agent
    detector = detector_for(config.master)
    link = MasterLink(
        detector,
        registration=lambda: agent.registration(),
        handle=lambda event: agent.handle(event),
        disconnected=lambda: agent.disconnected(),
        wanted=lambda: not agent.leaving,
    )
    agent = Agent(config, link.send)
    # A subscription that breaks has to be noticed at once, not when the next event is written to it.
    runner = web.AppRunner(_application(agent), access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    with work_dir_lock(config.work_dir), socket.create_server((config.ip, config.port)) as listener:
        try:
            recover(agent)
            await runner.setup()
            await web.SockSite(runner, listener, ssl_context=server_context(os.environ)).start()
            collector = asyncio.create_task(collect_sandboxes(agent))
            try:
                return await _until_stopped(agent, link, detector)
            finally:
                collector.cancel()
                await asyncio.gather(collector, return_exceptions=True)
        finally:
            await agent.close()
            await runner.cleanup()


def _application(agent: Agent) -> web.Application:
    app = web.Application(client_max_size=64 << 20)
    ExecutorApi(agent).add_routes(app)
    AgentApi(agent).add_routes(app)
    return app


async def _until_stopped(agent: Agent, link: MasterLink, detector: Detector) -> int:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, agent.stopping.set)
    loop.add_signal_handler(signal.SIGINT, agent.stopping.set)
    loop.add_signal_handler(signal.SIGUSR1, agent.leave)
    config = agent.config
    sys.stdout.write(f"agent ready at {scheme(os.environ)}://{config.ip}:{config.port}\n")
    sys.stdout.flush()
    connection = asyncio.create_task(_stay_registered(agent, link))
    stopped = asyncio.create_task(agent.stopping.wait())
    try:
        await asyncio.wait([connection, stopped], return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            connection.result()
        await link.flush(_FLUSH_SECONDS)
    finally:
        connection.cancel()
        stopped.cancel()
        await asyncio.gather(connection, stopped, return_exceptions=True)
        await detector.close()
    return agent.exit_status


async def _stay_registered(agent: Agent, link: MasterLink) -> None:
    await executors_back(agent)
    try:
        await link.run()
    except RefusedError as error:
        agent.refuse(str(error))
    # The master does not accept the agent any more; its executors still have their grace period.
    await agent.stopping.wait()


def main(argv: list[str] | None = None) -> int:
    """Run this module alone."""
    parser = argparse.ArgumentParser(prog="localmesos agent")
    add_arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
