from .pool import Host

class KeyspaceMetadata:
    name: str
    tables: dict[str, TableMetadata]

class TableMetadata:
    name: str

class Metadata:
    cluster_name: str | None
    keyspaces: dict[str, KeyspaceMetadata]
    def all_hosts(self) -> list[Host]: ...
