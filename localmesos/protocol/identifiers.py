"""Rules for ids and role names, with Mesos' messages."""


class IdentifierError(ValueError):
    """A text that is no id or role; the text is Mesos' message."""


def check_identifier(value: str) -> None:
    """Check that `value` can be an id, and so the name of a directory.

    Raises:
        IdentifierError: it cannot.
    """
    if not value:
        raise IdentifierError("ID must not be empty")
    if len(value.encode()) > 255:
        raise IdentifierError("ID must not be greater than 255 characters")
    if value in (".", ".."):
        raise IdentifierError(f"'{value}' is disallowed")
    if any(ord(c) < 32 or ord(c) == 127 or c in "/\\" for c in value):
        raise IdentifierError(f"'{value}' contains invalid characters")


def check_role(role: str) -> None:
    """Check that `role` is a valid role name such as ``*`` or ``eng/cassandra``.

    Raises:
        IdentifierError: it is not.
    """
    if role == "*":
        return
    if not role:
        raise IdentifierError("Empty role name is invalid")
    if role.startswith("/"):
        raise IdentifierError(f"Role '{role}' cannot start with a slash")
    if role.endswith("/"):
        raise IdentifierError(f"Role '{role}' cannot end with a slash")
    for component in role.split("/"):
        _check_component(role, component)


def _check_component(role: str, component: str) -> None:
    if not component:
        raise IdentifierError(f"Role '{role}' cannot contain two adjacent slashes")
    if component in (".", "..", "*"):
        raise IdentifierError(f"Role '{role}' cannot include '{component}' as a component")
    if component.startswith("-"):
        raise IdentifierError(f"Role component '{component}' is invalid because it starts with a dash")
    if any(c in "\t\n\v\f\r \b" for c in component):
        raise IdentifierError(f"Role component '{component}' is invalid because it contains backspace or whitespace")
