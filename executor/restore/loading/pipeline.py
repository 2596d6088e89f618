"""The pipeline of a load: several threads fetch files while Cassandra loads complete batches, in order."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from executor.restore.loading.staging import file_in, prepare
from executor.restore.source.batches import Batch, Piece

# The most bytes that are staged beyond the batch that is being loaded.
AHEAD_BYTES = 4 * 1024**3
# Without this limit, a cluster with hundreds of small tables would have all of them queued.
_AHEAD_BATCHES = 64
_POLL_SECONDS = 0.25
# Batches that are loaded in parallel are staged beyond the limit above, so they must be small.
_TOGETHER_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Staged:
    """A batch that is being fetched, with the futures of its files."""

    batch: Batch
    directory: Path
    files: tuple[Future[None], ...]


@dataclass(frozen=True)
class Pipeline:
    """A pipeline. `fetch` writes one piece to a path, and raises its error; `check` can raise to end everything early.

    `stop` is called once if the pipeline ends early, to end the running fetches.
    """

    staging: Path
    threads: int
    fetch: Callable[[Piece, Path], None]
    check: Callable[[], None]
    stop: Callable[[], None]
    ahead_bytes: int = AHEAD_BYTES
    loads: int = 1

    def run(self, batches: Iterable[Batch], load: Callable[[Batch, Path], None]) -> None:
        """Stage each batch, call `load` with its directory, and remove what is left of it.

        Small batches of different tables are loaded in parallel, up to `loads` of them, each on a thread of its own.
        The first error of a fetch, of `load` or of `check` ends the pipeline. Then no fetch runs any more, and complete
        files stay for the next attempt.
        """
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="restore-fetch")
        loaders = ThreadPoolExecutor(self.loads, thread_name_prefix="restore-load")
        try:
            self._run(iter(batches), pool, lambda staged: loaders.submit(self._load, load, staged))
        except BaseException:
            self.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            loaders.shutdown(wait=True, cancel_futures=True)

    def _run(self, batches: Iterator[Batch], pool: ThreadPoolExecutor, begin: Callable[[Staged], Future[None]]) -> None:
        """Stage in order while there is room, and load staged batches in order."""
        queue: deque[Staged] = deque()
        running: dict[Future[None], Batch] = {}
        following = next(batches, None)
        while following is not None or queue or running:
            while following is not None and self._has_room(queue, running.values(), following):
                queue.append(self._begin(following, pool))
                following = next(batches, None)
            if queue and self._may_load(queue[0].batch, running.values()):
                self._wait(queue[0])
                staged = queue.popleft()
                running[begin(staged)] = staged.batch
            else:
                self._reap(running)

    def _may_load(self, batch: Batch, running: Collection[Batch]) -> bool:
        """Return whether a batch can be loaded beside the running ones; batches of one table are loaded in sequence."""
        if not running:
            return True
        size = batch.size + sum(other.size for other in running)
        alone = any(other.target == batch.target for other in running)
        return len(running) < self.loads and size <= _TOGETHER_BYTES and not alone

    def _load(self, load: Callable[[Batch, Path], None], staged: Staged) -> None:
        load(staged.batch, staged.directory)
        shutil.rmtree(self.staging / str(staged.batch.number))

    def _reap(self, running: dict[Future[None], Batch]) -> None:
        """Wait for the end of a load."""
        done, _ = wait(running, _POLL_SECONDS, FIRST_COMPLETED)
        for future in done:
            running.pop(future)
            future.result()
        self.check()

    def _has_room(self, queue: Collection[Staged], running: Collection[Batch], following: Batch) -> bool:
        held = [*running, *(staged.batch for staged in queue)]
        if not held:
            return True
        size = sum(batch.size for batch in held) + following.size
        return len(held) < _AHEAD_BATCHES and size <= held[0].size + self.ahead_bytes

    def _begin(self, batch: Batch, pool: ThreadPoolExecutor) -> Staged:
        directory = prepare(self.staging, batch.directory(self.staging))
        paths = {piece.name: file_in(directory, piece.name) for piece in batch.pieces}
        for path in directory.iterdir():
            # A file of an attempt that loaded something else here.
            if path.name not in paths:
                path.unlink()
        files = tuple(pool.submit(self.fetch, piece, paths[piece.name]) for piece in batch.pieces)
        return Staged(batch, directory, files)

    def _wait(self, staged: Staged) -> None:
        open_files = set(staged.files)
        while open_files:
            self.check()
            done, open_files = wait(open_files, _POLL_SECONDS, FIRST_EXCEPTION)
            for future in done:
                future.result()
