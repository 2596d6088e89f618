"""The replay of a recording against localmesos: recorded calls are sent, and the answers compared."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from localmesos.resources.arithmetic import Resources
from tests.contract.mesos import client
from tests.contract.mesos.client import Answer
from tests.contract.mesos.compare import Difference, Ids
from tests.contract.mesos.processes import Cluster, get
from tests.contract.mesos.recordings import Line
from tests.contract.mesos.scheduler import Scheduler, key, uuid
from tests.waiting import patient, wait_for

Json = dict[str, Any]

EVENT_SECONDS = 12.0
OFFER_SECONDS = 12.0
_IGNORED_EVENTS = ("HEARTBEAT", "OFFERS", "RESCIND")
_HANG_UP = "client shuts the subscription socket ("
_DEFAULT_REFUSAL = 5.0
_QUIET_SECONDS = 3.0
"""A recorded silence of this length, while nothing was on offer, means that no offer was due."""


class Replay:
    """One recording and one cluster. `adapt` may change a request's body; `on_note` acts on a recorded note.

    `in_parts`: what is offered must be just what was, beside the same executors.
    """

    def __init__(
        self,
        cluster: Cluster,
        adapt: Callable[[Json], Json] = lambda body: body,
        on_note: Callable[[str], None] = lambda note: None,
        in_parts: bool = False,
    ) -> None:
        self.cluster = cluster
        self.ids = Ids()
        self.addresses: dict[str, tuple[str, int]] = {}
        """Where to send what was sent to a recorded host:port; the cluster's master if it is not here."""
        self.schedulers: dict[str, Scheduler] = {}
        self._adapt = adapt
        self._on_note = on_note
        self._in_parts = in_parts
        self._offers: dict[str, Json] = {}
        self._open_offers: set[str] = set()
        self._seen_updates: set[str] = set()
        self._refused: dict[tuple[str, str], tuple[Resources, float]] = {}
        """Until when a framework wants no such resources of a host: by framework id and hostname."""
        self._last_seconds = 0.0
        self._launched: set[str] = set()

    def run(self, lines: list[Line]) -> None:
        """Replay all lines; Difference names the line that failed."""
        self._last_seconds = lines[0].seconds if lines else 0.0
        late = _overtaken(lines)
        for index, line in enumerate(lines):
            try:
                if index in late:
                    self._scheduler(line.label).answers.append(line)
                else:
                    self._step(line)
            except (AssertionError, OSError) as error:
                raise Difference(f"at {line.seconds} s, {line.direction} {line.label} {line.kind}: {error}") from error

    def finish(self) -> None:
        """Check that no more arrived than was recorded, but for repeated updates whose acknowledgement was lost."""
        for scheduler in self.schedulers.values():
            scheduler.pump()
            new = [event for event in scheduler.events if event["type"] not in _IGNORED_EVENTS]
            more = [event for event in new if uuid(event) not in self._seen_updates]
            assert not more, f"not in the recording: {more}"

    def close(self) -> None:
        for scheduler in self.schedulers.values():
            scheduler.hang_up()

    def _step(self, line: Line) -> None:
        if line.direction == "request":
            self._check_quiet(line)
            self._request(line)
        elif line.direction == "response":
            self._response(line)
        elif line.direction == "event":
            self._event(line)
        elif line.direction == "stream-closed":
            self._closed(line)
        elif line.direction == "note":
            self._note(line.note)
        self._last_seconds = line.seconds

    def _scheduler(self, label: str) -> Scheduler:
        return self.schedulers.setdefault(label, Scheduler())

    def _check_quiet(self, line: Line) -> None:
        if self._open_offers or line.seconds - self._last_seconds < _QUIET_SECONDS or not self._offers:
            return
        time.sleep(0.5)
        for label, scheduler in self.schedulers.items():
            scheduler.pump()
            assert not scheduler.offers, f"{label} was offered something in a recorded silence: {scheduler.offers}"

    def _request(self, line: Line) -> None:
        scheduler = self._scheduler(line.label)
        method, _, url = line.endpoint.partition(" ")
        parts = urlsplit(url)
        if line.kind in ("ACCEPT", "DECLINE"):
            self._outwait_executors(line)
            self._find_offers(line, scheduler)
        elif line.kind == "SUBSCRIBE":
            self._outwait(line, scheduler)
        if line.kind in ("SUBSCRIBE", "REVIVE"):
            self._refused.clear()
            self._return_surplus_of_others(scheduler)
        body = self.ids.translate(line.body)
        body = self._adapt(body) if isinstance(body, dict) else body
        headers = {name: self.ids.get(value) for name, value in line.headers.items()}
        host, port = self.addresses.get(parts.netloc, (self.cluster.master_ip, self.cluster.master_port))
        if line.kind == "SUBSCRIBE" and parts.path == "/api/v1/scheduler" and self._is_stream(line):
            self._subscribe(scheduler, host, port, headers, body)
            return
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        # The master's filter begins when it gets the request, not when its answer is read.
        sent = time.monotonic()
        scheduler.answers.append(client.request(method, host, port, path, headers, body))
        if line.kind in ("ACCEPT", "DECLINE"):
            self._spend(line, scheduler, sent)
        elif line.kind == "SUPPRESS":
            self._return_surplus(scheduler)

    def _return_surplus_of_others(self, scheduler: Scheduler) -> None:
        for other in self.schedulers.values():
            if other is not scheduler and other.subscription is not None:
                self._return_surplus(other)

    def _return_surplus(self, scheduler: Scheduler) -> None:
        """Give back what the recorded scheduler had not been offered by now; others wait for it."""
        framework_id = scheduler.framework_id
        mine = {i for i, o in self._offers.items() if self.ids.get(o["framework_id"]["value"]) == framework_id}
        if not mine:
            return
        hosts = {self._offers[offer_id]["hostname"] for offer_id in mine & self._open_offers}
        scheduler.pump()
        self._decline(scheduler, [o for o in scheduler.offers.values() if o["hostname"] not in hosts])

    def _outwait(self, line: Line, scheduler: Scheduler) -> None:
        """Let a scheduler that stayed away for longer than its failover timeout do so again."""
        timeout = line.content.get("framework_info", {}).get("failover_timeout", 0.0)
        if scheduler.framework_id and line.seconds - self._last_seconds > timeout:
            framework_id = scheduler.framework_id
            wait_for("the failover timeout", lambda: not self._is_known(framework_id), EVENT_SECONDS)

    def _outwait_executors(self, line: Line) -> None:
        """Let an executor end whose task's id is used again; in the recordings more than a second passed between."""
        operations = line.content.get("operations", [])
        tasks = {
            task["task_id"]["value"] for item in operations for task in item.get("launch", {}).get("task_infos", [])
        }
        again, self._launched = tasks & self._launched, tasks | self._launched
        if again:
            wait_for(f"executors of {again} end", lambda: not again & self.cluster.ending_executors(), EVENT_SECONDS)

    def _is_known(self, framework_id: str) -> bool:
        found = get(self.cluster.master_ip, self.cluster.master_port, "/frameworks")["frameworks"]
        return any(item["id"] == framework_id for item in found)

    def _is_stream(self, line: Line) -> bool:
        return line.label not in ("call", "poll")

    def _subscribe(self, scheduler: Scheduler, host: str, port: int, headers: dict[str, str], body: Json) -> None:
        if scheduler.subscription is not None:
            scheduler.hang_up()
        scheduler.ended = False
        answer, scheduler.subscription = client.subscribe(host, port, headers, body)
        scheduler.answers.append(answer)
        scheduler.stream_id = answer.headers.get("Mesos-Stream-Id", "")

    def _response(self, line: Line) -> None:
        scheduler = self._scheduler(line.label)
        assert scheduler.answers, "no request is waiting for an answer"
        answer = scheduler.answers.pop(0)
        if isinstance(answer, Line):
            self._request(answer)
            answer = scheduler.answers.pop()
            assert isinstance(answer, Answer)
        assert answer.status == line.status, (
            f"status {answer.status} {answer.text!r}, recorded {line.status} {line.body!r}"
        )
        if "Mesos-Stream-Id" in line.headers:
            self.ids.replace(line.headers["Mesos-Stream-Id"], answer.headers["Mesos-Stream-Id"])
        for name in ("Allow", "Location"):
            self.ids.compare(line.headers.get(name, ""), answer.headers.get(name, ""), f"header {name}")
        if line.status >= 400:
            assert answer.headers.get("Content-Type") == line.headers.get("Content-Type")
        if isinstance(line.body, str) and not line.body.startswith(("<", "{")) and "SUBSCRIBED" not in line.body:
            self.ids.compare(line.body, answer.text, "answer")

    def _event(self, line: Line) -> None:
        scheduler = self._scheduler(line.label)
        if line.kind == "OFFERS":
            for offer in line.content["offers"]:
                self._offers[offer["id"]["value"]] = offer
                self._open_offers.add(offer["id"]["value"])
                self._expect_offered(scheduler, offer)
            return
        if line.kind == "HEARTBEAT":
            return
        if line.kind == "RESCIND":
            self._open_offers.discard(line.content["offer_id"]["value"])
            self._expect_rescinded(scheduler, line)
            return
        self._expect(scheduler, line.body)
        if line.kind == "SUBSCRIBED":
            scheduler.framework_id = self.ids.get(line.content["framework_id"]["value"])

    def _expect(self, scheduler: Scheduler, recorded: Json) -> None:
        deadline, last = time.monotonic() + patient(EVENT_SECONDS), "none of its kind came"
        while True:
            scheduler.pump()
            for event in [item for item in scheduler.events if key(item) == key(self.ids.translate(recorded))]:
                try:
                    self.ids.compare(recorded, event)
                except Difference as difference:
                    last = str(difference)
                    continue
                scheduler.events.remove(event)
                self._seen_updates.add(uuid(event) or "none")
                return
            assert time.monotonic() < deadline, f"event {recorded}: {last}; came: {scheduler.events}"
            time.sleep(0.01)

    def _expect_rescinded(self, scheduler: Scheduler, line: Line) -> None:
        """Accept one rescinded offer for all that were on the agent."""
        recorded = self._offers[line.content["offer_id"]["value"]]
        hostname = recorded["hostname"]
        wait_for(f"offers of {hostname} are rescinded", lambda: not self._on_host(scheduler, hostname), EVENT_SECONDS)
        scheduler.events = [event for event in scheduler.events if event["type"] != "RESCIND"]

    def _closed(self, line: Line) -> None:
        scheduler = self._scheduler(line.label)
        if scheduler.subscription is None:
            return

        def ended() -> bool:
            scheduler.pump()
            return scheduler.ended

        wait_for(f"the end of the stream of {line.label}", ended, EVENT_SECONDS)
        scheduler.hang_up()
        self._forget_offers(scheduler)

    def _note(self, note: str) -> None:
        self._on_note(note)
        if note.startswith(_HANG_UP):
            scheduler = self._scheduler(_label_in(note))
            scheduler.hang_up()
            self._forget_offers(scheduler)
            framework_id = scheduler.framework_id
            wait_for("the master notices", lambda: not self._is_connected(framework_id), EVENT_SECONDS)

    def _forget_offers(self, scheduler: Scheduler) -> None:
        mine = {
            i
            for i in self._open_offers
            if self.ids.get(self._offers[i]["framework_id"]["value"]) == scheduler.framework_id
        }
        self._open_offers -= mine

    def _is_connected(self, framework_id: str) -> bool:
        found = get(self.cluster.master_ip, self.cluster.master_port, "/frameworks")["frameworks"]
        return any(item["id"] == framework_id and item["connected"] for item in found)

    def _on_host(self, scheduler: Scheduler, hostname: str) -> list[Json]:
        scheduler.pump()
        return [offer for offer in scheduler.offers.values() if offer["hostname"] == hostname]

    def _expect_offered(self, scheduler: Scheduler, recorded: Json) -> None:
        """Check that the recorded resources are on offer in the same format, and that the rest is the same."""
        self.ids.learn(recorded["agent_id"]["value"], self._agent_id(recorded["hostname"]), "agent_id")
        wanted = Resources.parse(self.ids.translate(recorded["resources"]))

        def offered() -> Json | None:
            found = self._on_host(scheduler, recorded["hostname"])
            total = Resources.parse(item for offer in found for item in offer["resources"])
            if self._in_parts:
                names = {item["value"] for offer in found for item in offer.get("executor_ids", [])}
                executors = {item["value"] for item in recorded.get("executor_ids", [])}
                if found and (total, names) == (wanted, executors):
                    return found[0]
                # Ours may have been made before what the recorded one waited for.
                self._decline(scheduler, found)
                return None
            if found and total.contains(wanted):
                return found[0]
            # On a slow machine a filter of another scheduler can end before this one subscribes.
            self._return_surplus_of_others(scheduler)
            return None

        wait_for(f"{wanted} of {recorded['hostname']} is on offer, only {scheduler.offers}", offered, OFFER_SECONDS)
        self._check_refusal(scheduler, recorded["hostname"], wanted)
        found = self._on_host(scheduler, recorded["hostname"])
        match = next((o for o in found if Resources.parse(o["resources"]) == wanted), found[0])
        self.ids.replace(recorded["id"]["value"], match["id"]["value"])
        shapes = {_shape(item) for offer in found for item in offer["resources"]}
        missing = {_shape(self.ids.translate(item)) for item in recorded["resources"]} - shapes
        assert not missing, f"format of resources: {missing} is not in {shapes}"
        rest = {name: value for name, value in recorded.items() if name not in ("resources", "executor_ids")}
        self.ids.compare(
            rest, {name: match[name] for name in match if name not in ("resources", "executor_ids")}, "offer"
        )

    def _agent_id(self, hostname: str) -> str:
        found: list[str] = []

        def registered() -> bool:
            found[:] = [value for host, value in self.cluster.agent_ids().items() if host == hostname]
            return bool(found)

        wait_for(f"an agent on {hostname}", registered, EVENT_SECONDS)
        return found[0]

    def _find_offers(self, line: Line, scheduler: Scheduler) -> None:
        """For each recorded offer in use, one of ours with just the same resources."""
        for recorded in {item["value"] for item in line.content.get("offer_ids", [])} & self._open_offers:
            if line.kind == "ACCEPT":
                self._find_offer(scheduler, self._offers[recorded])

    def _find_offer(self, scheduler: Scheduler, recorded: Json) -> None:
        wanted = Resources.parse(self.ids.translate(recorded["resources"]))
        deadline = time.monotonic() + patient(OFFER_SECONDS)
        while True:
            found = self._on_host(scheduler, recorded["hostname"])
            for offer in found:
                if Resources.parse(offer["resources"]) == wanted:
                    self.ids.replace(recorded["id"]["value"], offer["id"]["value"])
                    return
            assert time.monotonic() < deadline, f"no offer of just {wanted}, but {found}"
            self._decline(scheduler, found)
            time.sleep(0.25)

    def _decline(self, scheduler: Scheduler, offers: list[Json]) -> None:
        """Give pieces back, to have them as one offer in the next."""
        if not offers:
            return
        for offer in offers:
            scheduler.offers.pop(offer["id"]["value"], None)
        body = {
            "type": "DECLINE",
            "framework_id": {"value": scheduler.framework_id},
            "decline": {"offer_ids": [offer["id"] for offer in offers], "filters": {"refuse_seconds": 0}},
        }
        headers = {"Content-Type": "application/json", "Mesos-Stream-Id": scheduler.stream_id, **self.cluster.headers}
        host, port = self.cluster.master_ip, self.cluster.master_port
        answer = client.request("POST", host, port, "/api/v1/scheduler", headers, body)
        assert answer.status == 202, answer

    def _spend(self, line: Line, scheduler: Scheduler, sent: float) -> None:
        """Offers that were answered are over; a decline is one of all that is on offer on the agents in question."""
        recorded = {item["value"] for item in line.content.get("offer_ids", [])}
        hosts = {self._offers[offer_id]["hostname"] for offer_id in recorded & self._open_offers}
        for offer_id in recorded:
            scheduler.offers.pop(self.ids.get(offer_id), None)
        self._open_offers -= recorded
        if line.kind == "DECLINE":
            self._note_refusal(line, scheduler, recorded, sent)
            for hostname in hosts:
                self._decline_alike(scheduler, hostname, line.content.get("filters"))

    def _note_refusal(self, line: Line, scheduler: Scheduler, offer_ids: set[str], sent: float) -> None:
        seconds = line.content.get("filters", {}).get("refuse_seconds", _DEFAULT_REFUSAL)
        until = sent + (seconds if seconds >= 0 else _DEFAULT_REFUSAL)
        for offer in (self._offers[offer_id] for offer_id in offer_ids if offer_id in self._offers):
            resources = Resources.parse(self.ids.translate(offer["resources"]))
            self._refused[scheduler.framework_id, offer["hostname"]] = (resources, until)

    def _check_refusal(self, scheduler: Scheduler, hostname: str, offered: Resources) -> None:
        resources, until = self._refused.pop((scheduler.framework_id, hostname), (offered, 0.0))
        early = until - time.monotonic()
        assert early < 0.05 or resources != offered, f"offered again {early:.1f} s before the filter's end"

    def _decline_alike(self, scheduler: Scheduler, hostname: str, filters: Json | None) -> None:
        rest = self._on_host(scheduler, hostname)
        if rest and (filters or {}).get("refuse_seconds") == 0:
            self._decline(scheduler, rest)


def _overtaken(lines: list[Line]) -> set[int]:
    """Return the requests that the recorded master got after the scheduler had disconnected, by their index."""
    found: set[int] = set()
    waiting: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if line.direction == "request":
            waiting.setdefault(line.label, []).append(index)
        elif line.direction == "response" and waiting.get(line.label):
            waiting[line.label].pop(0)
        elif line.note.startswith(_HANG_UP):
            found.update(waiting.get(_label_in(line.note), []))
    return found


def _label_in(note: str) -> str:
    return note.removeprefix(_HANG_UP).removesuffix(")")


def _shape(resource: Json) -> str:
    """Return a resource without its amount."""
    rest = {name: value for name, value in resource.items() if name not in ("scalar", "ranges")}
    return repr(sorted((name, repr(_sorted(value))) for name, value in rest.items()))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((name, _sorted(item)) for name, item in value.items())
    return [_sorted(item) for item in value] if isinstance(value, list) else value
