"""The role that each endpoint needs. An endpoint that is not listed needs the highest one."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.security.tokens import Role

# Marathon's health checks, the fetcher of the agents, which can send no header, and authorities, which are no secret: a
# client must not send a token to an API that it does not trust yet.
OPEN = frozenset({"health.ping", "health.healthcheck", "health.health", "artifacts.fetch", "certificates.authorities"})

# The way into the page, and its files, which hold nothing of the cluster.
SIGNED_OUT = frozenset({"page.front", "page.log_in_form", "page.log_in", "page.log_out", "page.asset"})

_READ = """
    plans.names plans.read_deploy plans.read
    connection.connection connection.addresses connection.names connection.seeds connection.data_center
    nodes.names nodes.statuses nodes.status nodes.info
    operations.status operations.history operations.curve
    config.target config.cassandra config.executor config.nodes config.seed_nodes config.framework
    config.framework_id config.properties config.stored_property config.garbage
    events.kept events.stream
    health.metrics health.offers
    openapi.document
    users.list_users
    certificates.certificates
    schema.schema
    page.now_or_lead page.ring page.node page.plans page.operations page.list_backups page.offers page.settings
    page.events page.ask page.tables page.log page.stream
"""
# Logs are among these, since they can hold what clients wrote, and questions about backups: nodes connect to the place
# that the request names, with the credentials of their agents where it brings none.
_OPERATE = """
    plans.command_deploy plans.command plans.named_command_deploy plans.named_command
    nodes.logs health.log
    nodes.restart nodes.restart_one nodes.replace nodes.replace_one nodes.decommission nodes.pause nodes.resume
    nodes.cancel
    operations.begin operations.stop operations.resume operations.tune operations.list_names
    operations.backup_details
    restore_plans.ask
    certificates.renew certificates.rotate
    page.command page.list_with_keys
"""
# A preview is among these: a node tries the settings, in a JVM with the options that the request names.
_CONFIGURE = "changes.change changes.roll_back changes.preview_change"
_ADMIN = "users.rotate removal.begin"

NEEDED: Mapping[str, Role] = {
    **dict.fromkeys(_READ.split(), Role.READ),
    **dict.fromkeys(_OPERATE.split(), Role.OPERATE),
    **dict.fromkeys(_CONFIGURE.split(), Role.CONFIGURE),
    **dict.fromkeys(_ADMIN.split(), Role.ADMIN),
}


def needed(endpoint: str | None) -> Role | None:
    """Return the role for an endpoint; None if it is open to all.

    What does not exist is told to every holder of a token.
    """
    if endpoint is None:
        return Role.READ
    return None if endpoint in OPEN or endpoint in SIGNED_OUT else NEEDED.get(endpoint, Role.ADMIN)
