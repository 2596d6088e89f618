"""Settings that decide which code runs on the agents, or as whom: the scheduler's environment alone sets them.

A client that may change settings through the API can then change how Cassandra runs, and not what runs beside it. An
option that the environment itself has can be repeated.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from scheduler.core.state.configuration import Overrides, Texts
from scheduler.settings.cassandra_keys import KINDS
from scheduler.settings.cassandra_options import OPTIONS
from scheduler.settings.cassandra_paths import LOGS, foreign_paths

NAMES = frozenset(
    {
        "EXECUTOR_COMMAND", "EXECUTOR_JAVA_HOME", "EXECUTOR_LOCATION", "EXECUTOR_CASSANDRA_LOCATION",
        "EXECUTOR_JRE_LOCATION", "EXECUTOR_SHA256", "EXECUTOR_CASSANDRA_SHA256", "EXECUTOR_JRE_SHA256",
        "EXECUTOR_PYTHON_LOCATION", "EXECUTOR_PYTHON_SHA256", "EXECUTOR_IMAGE", "SERVICE_USER",
    }
)  # fmt: skip
_JVM_OPTIONS, _YAML = "CASSANDRA_JVM_OPTIONS", "CASSANDRA_YAML"

ALONE = "decides which code runs on the agents, and is set in the scheduler's environment alone."
# Options without -D and -XX that only change how Java runs.
_PLAIN = re.compile(
    r"-(Xss\d{1,9}[kKmMgG]?|X(int|comp|mixed|batch|rs|noclassgc|check:jni|verify:(all|remote)|share:(auto|on|off))"
    r"|Xmaxjitcodesize\d{1,9}[kKmMgG]?|Xlog(:[\w*+=,-]*(:(stdout|stderr)?(:[\w,]*)?)?)?"
    r"|(ea|da|enableassertions|disableassertions)(:[\w.$]+)?|esa|dsa|server|verbose:gc"
    r"|-(add-opens|add-exports|add-reads)=[\w.]+(/[\w.]+)?=[\w.,-]+)",
    re.ASCII,
)
_XX = re.compile(r"-XX:([+-]\w+|\w+=[\w.,:%+-]*)", re.ASCII)
# Names of -XX options that run programs, load code or options, or write or read files. `Print…` of machine code loads a
# library for it, and heap dumps at each collection would fill the disk. Some builds of Java restore the image of a
# process (CRaC), or read and write profiles.
_XX_CODE = re.compile(
    r"[+-]?(On(Error|OutOfMemoryError)|Flags|ShowMessageBox|Allocate(Heap|OldGen)At|Log(VM|Compilation)|Start"
    r"|.*(File|Path|Dir(?![a-z])|Archive|Library|JVMCI|AOT|CDS|Agent|Attach|Command|Directives|FlightRecord"
    r"|ClassList|Module|Replay|PerfMap|Management)"
    r"|CRaC|CREngine|ProfileLog|PauseAt|DumpSharedSpaces|DynamicDump|HeapDump(Before|After)|WhiteBox|RelaxAccess|BytecodeVerification"
    r"|Print(Assembly|Interpreter|.*(NMethods|Code$|Stubs?$|Handlers|Assembly)))"
    r"|\+?(CrashOn|CreateCore|Dump\w+InCore)"
)
# System properties are taken if their values are numbers or words: no class, file or address is either.
_PROPERTY = re.compile(r"-D([\w.-]+)(?:=([\w+-]*|[+-]?\d+(\.\d+)?))?", re.ASCII)
_TIME_ZONE = re.compile(r"-Duser\.timezone=[\w/+-]{1,64}", re.ASCII)
# Parts of the names of properties that load code, open ports, or loosen what keeps code out.
_PROPERTY_CODE = re.compile(
    r"(?i)^(java\.(?!net\.prefer)|javax\.|jdk\.|sun\.(?!net\.inetaddr)|com\.sun\.|jna\.|org\.|ch\.|logback|jolokia|log4j)"
    r"|jmx|(^|[._])rmi|jndi|class|loader|agent|factory|provider|handler|trigger|library|config|insecure|unsafe"
    r"|hook|clock|partitioner|proxy"
    r"|(dir|file|path|url)$"
)
# Keys of cassandra.yaml that name programs, or let CQL run code outside of its sandbox.
_YAML_KEYS = frozenset({"archive_command", "allow_nodetool_archive_command"})
_YAML_TOP = frozenset({"allow_insecure_udfs", "allow_extra_insecure_udfs"})
# Nested keys whose text names a class.
_CLASS_KEYS = frozenset({"class_name", "logger", "ssl_context_factory", "key_provider", "validator_class_name"})
# Keys of which one kind of text is a class.
_TOP_CLASS_KEYS = frozenset({"failure_detector", "otc_coalescing_strategy", "partitioner", "row_cache_class_name"})
# Names of Cassandra's own classes, such as authenticator, are in its bundle. A name without a dot is one of these.
_OWN_CLASS = re.compile(r"(org\.apache\.cassandra\.[\w.$]+|[\w$]*)", re.ASCII)


def problem(name: str, text: str, environment: Texts) -> str | None:
    """Return why this text cannot be given through the API; None if it can. Values are not repeated."""
    if name in NAMES:
        return None if text == environment.get(name, "") else f"{name} {ALONE}"
    found = next(iter(_found(name, text, environment.get(name, ""))), None)
    return None if found is None else f"{name} must not hold {found} here: it {ALONE}"


def problems(overrides: Overrides, environment: Texts) -> tuple[str, ...]:
    """Return all problems of settings that are given through the API."""
    found = (problem(name, override.text, environment) for name, override in sorted(overrides.items()))
    return tuple(sentence for sentence in found if sentence is not None)


def change_problem(name: str, text: str, environment: Texts) -> str | None:
    """Return why a change cannot set this text: it names a class that is not Cassandra's, or a path to write to.

    What an earlier change has set stays: without its authenticator, a cluster would let everybody in.
    """
    own = environment.get(name, "")
    if (found := _first_new(_foreign_classes(name, text), _foreign_classes(name, own))) is not None:
        return f"{name} must name a class of org.apache.cassandra in {found}: another one {ALONE}"
    if name == _YAML and (found := _first_new(foreign_paths(_yaml(text)), foreign_paths(_yaml(own)))) is not None:
        return (
            f"{name} must have a path below {LOGS}/ in {found}, such as {LOGS}/name: where else a node writes is set "
            "in the scheduler's environment alone."
        )
    return None


def _first_new(found: Iterator[tuple[str, str]], allowed: Iterator[tuple[str, str]]) -> str | None:
    """Return the place of the first pair of place and value that the environment does not have."""
    known = set(allowed)
    return next((place for place, value in found if (place, value) not in known), None)


def without_code(overrides: Overrides, environment: Texts) -> Overrides:
    """Return those that can be given through the API: an earlier version took others too."""
    return {name: override for name, override in overrides.items() if problem(name, override.text, environment) is None}


def _found(name: str, text: str, own: str) -> Iterator[str]:
    """Yield the options, or keys, that the environment's own text does not have in the same way."""
    if name == _JVM_OPTIONS:
        allowed = set(_words(own))
        yield from (_shown(word) for word in _words(text) if word not in allowed and not is_harmless(word))
    elif name == _YAML:
        allowed_keys = dict(_code_keys(own))
        yield from (key for key, value in _code_keys(text) if allowed_keys.get(key) != value)


def is_harmless(word: str) -> bool:
    """Return whether an option of Java runs no program, loads no code, and names no file."""
    if word.startswith("-XX:"):
        return bool(_XX.fullmatch(word)) and not _XX_CODE.match(word.removeprefix("-XX:"))
    if word.startswith("-D"):
        found = _PROPERTY.fullmatch(word)
        return bool(_TIME_ZONE.fullmatch(word)) or (found is not None and not _PROPERTY_CODE.search(found[1]))
    return bool(_PLAIN.fullmatch(word))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []  # which is refused for that


def _shown(word: str) -> str:
    """Return the option's name: what follows it may be a secret."""
    if not word.startswith("-"):
        return "a word that begins with no dash"
    name = re.split(r"[=:]", word.removeprefix("-XX:"), maxsplit=1)[0]
    return (("-XX:" if word.startswith("-XX:") else "") + name)[:80]


def _foreign_classes(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield place and name of each class that is not Cassandra's own."""
    key = next((option.key for option in OPTIONS if option.name == name), None)
    if key is not None:
        options: Mapping[str, Any] = {key: text} if _names_class(key) else {}
    else:
        options = _yaml(text) if name == _YAML else {}
    for place, value in options.items():
        yield from ((place, one) for one in _classes(value, _names_class(place)) if not _OWN_CLASS.fullmatch(one))


def _names_class(key: str) -> bool:
    return KINDS.get(key) == "class" or key in _TOP_CLASS_KEYS


def _classes(value: Any, is_class: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _classes(item, str(key) in _CLASS_KEYS)
    elif isinstance(value, list):
        for item in value:
            yield from _classes(item, is_class)
    elif is_class and value is not None:
        yield str(value)


def _code_keys(text: str) -> Iterator[tuple[str, Any]]:
    for key, value in _yaml(text).items():
        if key in _YAML_TOP and value:
            yield key, value
        yield from _nested(key, value)


def _nested(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if str(key) in _YAML_KEYS and item:
                yield f"{place}.{key}", item
            yield from _nested(f"{place}.{key}", item)
    elif isinstance(value, list):
        for item in value:
            yield from _nested(place, item)


def _yaml(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    # Few need it, and with it PyYAML.
    from scheduler.settings import cassandra_yaml

    return cassandra_yaml.parse(text, _YAML)[0]
