"""The names of keyspaces and roles that are not a user's, and how long a name can be: pure."""

from __future__ import annotations

# The keyspaces that Cassandra 5.0.8 creates: the names in org.apache.cassandra.schema.SchemaConstants, whole. A user's
# keyspace can begin with any of them.
LOCAL_KEY_SPACES = frozenset({"system", "system_schema"})
VIRTUAL_KEY_SPACES = frozenset({"system_views", "system_virtual_schema"})
ROLES_KEY_SPACE = "system_auth"
# The service's own superusers. A restore of roles leaves them as they are.
SERVICE_ROLES = ("mesos_service_1", "mesos_service_2")
SHARED_KEY_SPACES = frozenset({ROLES_KEY_SPACE, "system_distributed", "system_traces"})
CASSANDRAS_KEY_SPACES = LOCAL_KEY_SPACES | VIRTUAL_KEY_SPACES | SHARED_KEY_SPACES
# The keyspaces that belong to a cluster itself. A backup's are never restored.
NEVER_RESTORED = CASSANDRAS_KEY_SPACES - {ROLES_KEY_SPACE}
# The longest names that Cassandra accepts: the directory of a table has its name, a dash and its id.
KEY_SPACE_LENGTH, TABLE_LENGTH = 48, 222


def is_cassandras(key_space: str) -> bool:
    """Return whether Cassandra reserves this keyspace name, in any case of letters.

    It makes a keyspace `System_Traces`, and refuses to create a table there, and to drop it, even to a superuser.
    """
    return key_space.lower() in CASSANDRAS_KEY_SPACES
