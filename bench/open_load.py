"""A load with a fixed rate of arrivals: people come when they come, however the shop is doing (ADR 33).

A visit is a generator: it yields a request and is sent the answer to it, until it ends. Visits begin at even
distances. The latency of a request counts from the moment at which it was due, which is that of the arrival
or, for a later one of the visit, the answer before it and the time to think; so no waiting is hidden, be it
for a free connection or for the generator itself.
"""

import heapq
import itertools
import math
import select
import ssl
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.http_connection import Answer, Broken, Connection

# So long are answers waited for after the last arrival; the nginx in front gives up a little earlier.
PATIENCE = 35.0
CONNECTIONS = 512


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, how its answer is known to be right, and the seconds of thinking before it.

    After a refusal that says when to come again, one that `insists` is sent again then, the same as before.
    """

    content: bytes
    word: bytes
    status: int = 200
    think: float = 0.0
    insists: bool = False


Visit = Generator[Request, Answer, None]
# Rates of visits per second, each with the seconds for which it lasts.
Phases = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Shop:
    """Where requests go. `tls` is how the server proves its name, where it speaks TLS."""

    url: str
    tls: ssl.SSLContext | None = None

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def name(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def host(self) -> str:
        """What the header Host says."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that was counted: when it was due in seconds since the start, how many seconds its answer
    took from then on, and what was wrong with it (empty: nothing).
    """

    due: float
    took: float
    wrong: str


@dataclass
class Load:
    """What came of a load. `answers` are all answers and `body_bytes` all bytes of their bodies, counted or
    not; seconds are of this process's processor time.
    """

    visits_begun: int = 0
    answers: int = 0
    visits_finished: int = 0
    asked: list[Asked] = field(default_factory=list)
    body_bytes: int = 0
    seconds_of_cpu: float = 0.0

    @property
    def errors(self) -> Counter[str]:
        return Counter(one.wrong for one in self.asked if one.wrong)

    @property
    def latencies(self) -> list[float]:
        """Seconds, sorted, of all requests; one that failed has waited as long as it has."""
        return sorted(one.took for one in self.asked)


@dataclass(slots=True)
class _Errand:
    """A visit and the request of it that is to be asked or has been."""

    visit: Visit
    request: Request
    due: float
    repeated: bool = False


class Driver:
    """Drives one load against one shop.

    Requests that are due before `lead` seconds are not counted. Visits that are under way at the end break
    off, unless they are `whole`: then each one that has begun is finished.
    """

    def __init__(
        self, shop: Shop, *, lead: float = 0.0, whole: bool = False, connections: int = CONNECTIONS
    ) -> None:
        self._shop, self._lead, self._most = shop, lead, connections
        self._overtime = PATIENCE if whole else 0.0
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._idle: list[Connection] = []
        self._busy: dict[int, _Errand] = {}
        self._waiting: deque[_Errand] = deque()
        self._later: list[tuple[float, int, _Errand]] = []
        self._numbers = itertools.count()
        self._load = Load()

    def drive(self, visits: Iterator[Visit], rate: float, seconds: float) -> Load:
        """`rate` visits begin in each second, for so many seconds after the lead."""
        return self.drive_phases(visits, [(rate, self._lead + seconds)])

    def drive_phases(self, visits: Iterator[Visit], phases: Phases) -> Load:
        """One rate after the other; the lead is part of the first one."""
        cpu = time.process_time()
        self._start = time.perf_counter()
        self._end = sum(seconds for _, seconds in phases)
        try:
            self._arrive(visits, arrivals(phases))
            self._finish()
        finally:
            self._close()
        self._load.seconds_of_cpu = time.process_time() - cpu
        return self._load

    def _now(self) -> float:
        """Seconds since the start, as all moments are told here."""
        return time.perf_counter() - self._start

    def _arrive(self, visits: Iterator[Visit], moments: Iterator[float]) -> None:
        due = next(moments)
        while (now := self._now()) < self._end:
            while due <= now:
                self._begin(next(visits), due)
                due = next(moments, math.inf)
            self._step(min(due, self._end))

    def _finish(self) -> None:
        """What is under way gets its answer; what would be asked after the end is not asked."""
        deadline = self._end + PATIENCE
        while (self._busy or self._waiting or self._later) and self._now() < deadline:
            self._step(deadline)
        for errand in [*self._busy.values(), *self._waiting]:
            self._note(errand, "no answer")

    def _begin(self, visit: Visit, due: float) -> None:
        self._load.visits_begun += 1
        request = next(visit)
        self._plan(_Errand(visit, request, due + request.think))

    def _plan(self, errand: _Errand) -> None:
        if errand.due < self._end + self._overtime:
            heapq.heappush(self._later, (errand.due, next(self._numbers), errand))

    def _step(self, until: float) -> None:
        """Ask what is due, and take in what has come, waiting for it no longer than until then."""
        now = self._now()
        while self._later and self._later[0][0] <= now:
            self._ask(heapq.heappop(self._later)[2])
        if self._later:
            until = min(until, self._later[0][0])
        for number, _ in self._poll.poll(max(0.0, until - now)):
            connection = self._connections[number]
            if connection.is_open:
                self._take_in(connection)
            else:
                self._go_on_opening(connection)

    def _ask(self, errand: _Errand) -> None:
        if self._idle:
            self._send(self._idle.pop(), errand)
            return
        self._waiting.append(errand)
        self._open_another()

    def _open_another(self) -> None:
        if len(self._connections) < self._most:
            connection = Connection(self._shop.address, self._shop.name, self._shop.tls)
            self._connections[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLOUT | select.EPOLLIN)

    def _send(self, connection: Connection, errand: _Errand) -> None:
        self._busy[connection.fileno()] = errand
        try:
            connection.send(errand.request.content)
        except Broken as error:
            self._lose(connection, error)

    def _go_on_opening(self, connection: Connection) -> None:
        try:
            connection.go_on_opening()
        except BlockingIOError:
            self._poll.modify(connection.fileno(), select.EPOLLIN)
            return
        except Broken as error:
            if self._waiting:
                self._note(self._waiting.popleft(), f"not connected: {error}")
            self._lose(connection, error)
            return
        self._poll.modify(connection.fileno(), select.EPOLLIN)
        self._give_work(connection)

    def _take_in(self, connection: Connection) -> None:
        try:
            answer = connection.receive()
        except Broken as error:
            self._lose(connection, error)
            return
        if answer is None:
            return
        errand = self._busy.pop(connection.fileno(), None)
        if answer.ends_connection:
            self._drop(connection)
        else:
            self._give_work(connection)
        if errand is not None:
            self._check(errand, answer)

    def _give_work(self, connection: Connection) -> None:
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _check(self, errand: _Errand, answer: Answer) -> None:
        wrong = what_is_wrong(errand.request, answer)
        self._note(errand, wrong)
        self._load.answers += 1
        self._load.body_bytes += len(answer.body)
        if wrong:
            self._insist(errand, answer)
            return
        try:
            request = errand.visit.send(answer)
        except StopIteration:
            self._load.visits_finished += 1
        else:
            self._plan(_Errand(errand.visit, request, self._now() + request.think))

    def _insist(self, errand: _Errand, answer: Answer) -> None:
        pause = answer.header("Retry-After")
        if errand.request.insists and pause.isdecimal():
            self._plan(_Errand(errand.visit, errand.request, self._now() + int(pause)))

    def _note(self, errand: _Errand, wrong: str) -> None:
        if errand.due >= self._lead:
            self._load.asked.append(Asked(errand.due - self._lead, self._now() - errand.due, wrong))

    def _lose(self, connection: Connection, error: Broken) -> None:
        """A server may close a connection that was used before; then another one is asked, once."""
        errand = self._busy.pop(connection.fileno(), None)
        was_used, heard_nothing = connection.answered > 0, connection.has_heard_nothing
        self._drop(connection)
        if errand is None:
            return
        if was_used and heard_nothing and not errand.repeated:
            errand.repeated = True
            self._ask(errand)
        else:
            self._note(errand, f"connection lost: {error}")

    def _drop(self, connection: Connection) -> None:
        self._poll.unregister(connection.fileno())
        del self._connections[connection.fileno()]
        if connection in self._idle:
            self._idle.remove(connection)
        connection.close()
        if self._waiting:
            self._open_another()

    def _close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._poll.close()


def arrivals(phases: Phases) -> Iterator[float]:
    """The moments at which visits begin, in seconds since the start of the first phase."""
    began = 0.0
    for rate, seconds in phases:
        for number in range(math.ceil(rate * seconds)):
            yield began + number / rate
        began += seconds


def what_is_wrong(request: Request, answer: Answer) -> str:
    """Empty when the answer is right. A refusal that says when to come again is told from others."""
    if answer.status != request.status:
        polite = " with Retry-After" if answer.header("Retry-After") else ""
        return f"status {answer.status}{polite}"
    return "" if request.word in answer.body else "a wrong page"
