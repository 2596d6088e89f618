"""`version`: of this program and of the scheduler."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import click

from cli.session import Session, command, pass_session
from cli.tables import fields_table


def own_version() -> str:
    """Return this program's version: that of the file in an archive, else that of the installed distribution."""
    try:
        # An archive has the file VERSION beside this package; pkgutil reads it from inside the archive.
        import pkgutil

        data = pkgutil.get_data("cli", "VERSION")
        return data.decode().strip() if data else "unknown"
    except OSError:
        pass
    try:
        return installed("cassandra-mesos")
    except PackageNotFoundError:
        return "unknown"


@command("version")
@click.option("--client", "only_client", is_flag=True, help="Only this program's, without a request.")
@pass_session
def version(session: Session, only_client: bool) -> None:
    """Show the version of this program and of the scheduler."""
    document = {"client": own_version()}
    if not only_client:
        document["scheduler"] = session.client.get("/v1/framework")["version"]
    session.output.show(document, fields_table(list(document.items())))
