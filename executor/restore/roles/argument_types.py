"""CQL's names of the types of a function's arguments, from Cassandra's classes in the name of its resource. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from executor.cql.tokenizer import quote

_PLAIN = {
    "AsciiType": "ascii", "BooleanType": "boolean", "ByteType": "tinyint", "BytesType": "blob",
    "CounterColumnType": "counter", "DecimalType": "decimal", "DoubleType": "double", "DurationType": "duration",
    "FloatType": "float", "InetAddressType": "inet", "Int32Type": "int", "IntegerType": "varint", "LongType": "bigint",
    "ShortType": "smallint", "SimpleDateType": "date", "TimeType": "time", "TimeUUIDType": "timeuuid",
    "TimestampType": "timestamp", "UTF8Type": "text", "UUIDType": "uuid",
}  # fmt: skip
_OF_OTHERS = {
    "FrozenType": "frozen", "ListType": "list", "MapType": "map", "SetType": "set", "TupleType": "tuple",
    "VectorType": "vector",
}  # fmt: skip
_PACKAGE = "org.apache.cassandra.db.marshal."


def cql_type(named: str) -> str | None:
    """Return the CQL type of a class, such as `list<int>` for `ListType(Int32Type)`; None for an unknown one."""
    name, bracket, rest = named.strip().removeprefix(_PACKAGE).partition("(")
    if not bracket:
        return _PLAIN.get(name)
    items = list(_items(rest.removesuffix(")")))
    if name == "UserType":
        return _user_type(items)
    # The second item of a vector is its number of dimensions.
    parts = [item.strip() if item.strip().isdigit() else cql_type(item) for item in items]
    if name not in _OF_OTHERS or None in parts:
        return None
    return f"{_OF_OTHERS[name]}<{', '.join(map(str, parts))}>"


def _user_type(items: list[str]) -> str | None:
    """Return the name of `UserType(keyspace,name,field:type,…)`, whose names are in hexadecimal digits."""
    try:
        return quote(bytes.fromhex(items[1]).decode())
    except (IndexError, ValueError):
        return None


def _items(text: str) -> Iterator[str]:
    """Yield the parts between the commas outside of brackets."""
    depth = begin = 0
    for index, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            yield text[begin:index]
            begin = index + 1
    yield text[begin:]
