"""Mesos' checks of a FrameworkInfo, new or changed, with its messages. Pure."""

from typing import Any

from localmesos.protocol.identifiers import IdentifierError, check_identifier, check_role

Json = dict[str, Any]

_MAX_FAILOVER_SECONDS = (2**63 - 1) / 1e9
"""A duration counts nanoseconds in 64 bits."""


class FrameworkInfoError(ValueError):
    """A refusal of a FrameworkInfo; the text is Mesos' message."""


def capabilities(info: Json) -> frozenset[str]:
    """Return the names of the capabilities; unknown names have no effect."""
    return frozenset(item["type"] for item in info.get("capabilities", []) if "type" in item)


def roles(info: Json) -> tuple[str, ...]:
    """Return the subscribed roles; without MULTI_ROLE the one of ``role``, by default ``*``."""
    if "MULTI_ROLE" in capabilities(info):
        return tuple(info.get("roles", []))
    return (info.get("role", "*"),)


def framework_id(info: Json) -> str:
    """Return the framework's id, empty if it has none yet."""
    value: str = info.get("id", {}).get("value", "")
    return value


def check(info: Json, suppressed: list[str]) -> None:
    """Check that a framework can subscribe with this info.

    Raises:
        FrameworkInfoError: it cannot.
    """
    _check_roles(info)
    if (value := framework_id(info)) != "":
        try:
            check_identifier(value)
        except IdentifierError as error:
            raise FrameworkInfoError(str(error)) from error
    timeout = info.get("failover_timeout", 0.0)
    if abs(timeout) > _MAX_FAILOVER_SECONDS:
        raise FrameworkInfoError(f"The framework failover_timeout ({timeout:g}) is invalid")
    for role in suppressed:
        if role not in roles(info):
            raise FrameworkInfoError(f"Suppressed role '{role}' is not contained in the list of roles")


def _check_roles(info: Json) -> None:
    if "MULTI_ROLE" not in capabilities(info):
        if info.get("roles"):
            raise FrameworkInfoError(
                "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
            )
        if "role" in info:
            _check_role(info["role"], "'FrameworkInfo.role' is not a valid role")
        return
    if "role" in info:
        raise FrameworkInfoError("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable")
    found = info.get("roles", [])
    if duplicates := sorted({role for role in found if found.count(role) > 1}):
        raise FrameworkInfoError(f"'FrameworkInfo.roles' contains duplicate items: {{ {', '.join(duplicates)} }}")
    for role in found:
        _check_role(role, "'FrameworkInfo.roles' contains invalid role")


def _check_role(role: str, words: str) -> None:
    try:
        check_role(role)
    except IdentifierError as error:
        raise FrameworkInfoError(f"{words}: {error}") from error


def check_principal(old: Json, new: Json) -> None:
    """Check that the principal stays the same.

    Raises:
        FrameworkInfoError: it would change.
    """
    if old.get("principal") != new.get("principal"):
        raise FrameworkInfoError("Changing framework's principal is not allowed.")


def check_update(old: Json, new: Json) -> None:
    """Check that UPDATE_FRAMEWORK can change `old` to `new`.

    Raises:
        FrameworkInfoError: it cannot.
    """
    check_principal(old, new)
    for name, default in (("user", ""), ("checkpoint", False)):
        before, after = old.get(name, default), new.get(name, default)
        if before != after:
            raise FrameworkInfoError(
                f"Updating 'FrameworkInfo.{name}' is unsupported;"
                f" attempted to update from '{_text(before)}' to '{_text(after)}'"
            )


def merged(old: Json, new: Json) -> Json:
    """Return `new` for a framework that subscribes again: user and checkpoint keep their values of `old`."""
    kept = ("user", "checkpoint", "principal", "id")
    found = {name: value for name, value in new.items() if name not in kept}
    found.update({name: old[name] for name in kept if name in old})
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
