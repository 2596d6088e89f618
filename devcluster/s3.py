"""A local S3 server (moto) for backups; its objects are in memory and end with it."""

from __future__ import annotations

import http.client

from devcluster.layout import Address
from devcluster.processes import python_module
from devcluster.requests import UnreachableError, get

BUCKET = "backups"


def command(address: Address) -> list[str]:
    """Return the command that runs the server."""
    return python_module("devcluster.s3_server", "--host", address.host, "--port", str(address.port))


def is_serving(address: Address) -> bool:
    """Return whether the server answers, and make the bucket."""
    try:
        return get(address, f"/{BUCKET}", seconds=2.0).status == 200 or _make_bucket(address)
    except UnreachableError:
        return False


def environment(address: Address) -> dict[str, str]:
    """Return boto3's settings for the agents: s3:// means this server, with any credentials."""
    return {
        "AWS_ENDPOINT_URL_S3": f"http://{address}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _make_bucket(address: Address) -> bool:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5.0)
    try:
        connection.request("PUT", f"/{BUCKET}", headers={"Content-Length": "0"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
