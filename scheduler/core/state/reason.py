"""Reasons of steps and refused offers: a code for programs and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The codes of refused offers, waiting steps and nodes that are not ready."""

    # An offer and a node
    NOT_RECONCILED = "NOT_RECONCILED"
    NO_WORK = "NO_WORK"
    GARBAGE = "GARBAGE"
    RELEASE_REFUSED = "RELEASE_REFUSED"
    OTHER_ROLE = "OTHER_ROLE"
    OTHER_CHOSEN = "OTHER_CHOSEN"
    AGENT_TAKEN = "AGENT_TAKEN"
    AGENT_LEFT = "AGENT_LEFT"
    CPUS = "CPUS"
    MEM = "MEM"
    DISK = "DISK"
    PORTS = "PORTS"
    PLACEMENT = "PLACEMENT"
    NO_RACK = "NO_RACK"
    OTHER_RACK = "OTHER_RACK"
    FOREIGN_AGENT = "FOREIGN_AGENT"
    RESERVATION_PARTIAL = "RESERVATION_PARTIAL"
    VOLUME_MISSING = "VOLUME_MISSING"
    # A step
    DONE = "DONE"
    DIFFERENT = "DIFFERENT"
    FORCED = "FORCED"
    INTERRUPTED = "INTERRUPTED"
    CANARY = "CANARY"
    PLAIN_CLIENTS = "PLAIN_CLIENTS"
    UNCERTIFIED_CLIENTS = "UNCERTIFIED_CLIENTS"
    CERTIFICATE = "CERTIFICATE"
    SETTINGS_TRIED = "SETTINGS_TRIED"
    SETTINGS_REFUSED = "SETTINGS_REFUSED"
    LOGINS = "LOGINS"
    REFUSED_CLIENTS = "REFUSED_CLIENTS"
    EARLIER_NODE = "EARLIER_NODE"
    OTHER_JOINS = "OTHER_JOINS"
    NODE_DOWN = "NODE_DOWN"
    NO_SEED = "NO_SEED"
    NO_OFFER = "NO_OFFER"
    NO_OFFER_FITS = "NO_OFFER_FITS"
    OWN_AGENT = "OWN_AGENT"
    BACK_OFF = "BACK_OFF"
    FAILED = "FAILED"
    UNREACHABLE = "UNREACHABLE"
    AGENT_GONE = "AGENT_GONE"
    RECONCILING = "RECONCILING"
    NOT_REGISTERED = "NOT_REGISTERED"
    OTHER_INTENT = "OTHER_INTENT"
    STOPPING_TASK = "STOPPING_TASK"
    PAUSED = "PAUSED"
    LEAVES = "LEAVES"
    LEFT = "LEFT"
    # A maintenance step
    EARLIER_PHASE = "EARLIER_PHASE"
    OTHER_FAILED = "OTHER_FAILED"
    OTHER_JOB = "OTHER_JOB"
    STOPPED = "STOPPED"
    RUNNING = "RUNNING"
    # A node that runs, but is not ready
    STAGING = "STAGING"
    STARTING = "STARTING"
    STOPPING = "STOPPING"
    NOT_RUNNING = "NOT_RUNNING"
    NO_STATUS = "NO_STATUS"
    MODE = "MODE"
    NO_NATIVE_TRANSPORT = "NO_NATIVE_TRANSPORT"
    PEER_SILENT = "PEER_SILENT"
    PEER_VIEW = "PEER_VIEW"
    SCHEMA = "SCHEMA"


@dataclass(frozen=True)
class Reason:
    """One reason, ready to be shown to people."""

    code: Code
    sentence: str
