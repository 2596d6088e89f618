"""``python -m localmesos master``: one master as a process of its own."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from localmesos.election.contender import Election, ElectionError
from localmesos.master.http.routes import MasterHttp
from localmesos.master.master import LeadershipLostError, Master, MasterConfig
from localmesos.master.state.registry import JournalError
from localmesos.protocol.authentication import read_credentials
from localmesos.protocol.durations import parse_duration
from localmesos.protocol.tls import scheme, server_context

_LOG = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a master."""
    parser.add_argument("--ip", default="127.0.0.1", help="address to listen on and to announce")
    parser.add_argument("--port", type=int, default=5050)
    parser.add_argument("--hostname", default="", help="name to announce (default: the ip)")
    parser.add_argument("--work-dir", type=Path, required=True, help="directory of the master's registry")
    parser.add_argument("--zk", help="zk://HOST:PORT/PATH: take part in an election there")
    parser.add_argument("--credentials", type=Path, help="file in Mesos' format: authenticate schedulers and readers")
    parser.add_argument("--max-agent-ping-timeouts", type=int, default=5)
    for name, default in (
        ("--agent-ping-timeout", "15secs"),
        ("--agent-reregister-timeout", "10mins"),
        ("--allocation-interval", "1secs"),
        ("--heartbeat-interval", "15secs"),
        ("--zk-session-timeout", "10secs"),
    ):
        parser.add_argument(name, type=parse_duration, default=parse_duration(default), help=f"default: {default}")


def read_config(args: argparse.Namespace) -> MasterConfig:
    """Return the MasterConfig of parsed options."""
    return MasterConfig(
        ip=args.ip,
        port=args.port,
        work_dir=args.work_dir.resolve(),
        hostname=args.hostname,
        zk=args.zk,
        zk_session_timeout=args.zk_session_timeout,
        agent_ping_timeout=args.agent_ping_timeout,
        max_agent_ping_timeouts=args.max_agent_ping_timeouts,
        agent_reregister_timeout=args.agent_reregister_timeout,
        allocation_interval=args.allocation_interval,
        heartbeat_interval=args.heartbeat_interval,
        credentials=None if args.credentials is None else read_credentials(args.credentials),
    )


def run(args: argparse.Namespace) -> int:
    """Run a master until SIGTERM or SIGINT; return 1 if it cannot go on."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kazoo").setLevel(logging.WARNING)
    try:
        config = read_config(args)
        config.work_dir.mkdir(parents=True, exist_ok=True)
        asyncio.run(_serve(config))
    except (JournalError, ElectionError, LeadershipLostError, ValueError, OSError) as error:
        _LOG.error("%s", error)
        return 1
    return 0


async def _serve(config: MasterConfig) -> None:
    master = Master(config)
    app = MasterHttp(master).application()
    # A handler must end with its connection, because that is the sign of a lost scheduler or agent.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    try:
        await runner.setup()
        await web.TCPSite(runner, config.ip, config.port, ssl_context=server_context(os.environ)).start()
        await _until_stopped(master)
    finally:
        await master.close()
        await runner.cleanup()


def _election(url: str, master: Master) -> Election:
    return Election(url, master.info, master.led_by, master.config.zk_session_timeout)


async def _until_stopped(master: Master) -> None:
    loop, stopping, config = asyncio.get_running_loop(), asyncio.Event(), master.config
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    work = [asyncio.create_task(stopping.wait()), asyncio.create_task(master.wait_failed())]
    if config.zk is None:
        master.lead()
    else:
        work.append(asyncio.create_task(_election(config.zk, master).run()))
    sys.stdout.write(f"master ready at {scheme(os.environ)}://{config.ip}:{config.port}\n")
    sys.stdout.flush()
    done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    for task in done:
        task.result()
