from uuid import UUID

class Host:
    address: str
    datacenter: str | None
    rack: str | None
    release_version: str | None
    host_id: UUID | None
    is_up: bool | None

class NoConnectionsAvailable(Exception): ...
