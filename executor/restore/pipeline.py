"""Files are fetched by several threads while Cassandra takes those that are complete, batch by batch in order."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from executor.restore.batches import Batch, Piece

# So much may lie staged beyond the batch that is being loaded.
AHEAD_BYTES = 4 * 1024**3
# A cluster with hundreds of small tables would otherwise have all of them queued.
_AHEAD_BATCHES = 64
_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Staged:
    """A batch on its way: the futures of its files."""

    batch: Batch
    directory: Path
    files: tuple[Future[None], ...]


@dataclass(frozen=True)
class Pipeline:
    """`fetch` puts one piece at a path, and raises what is wrong; `check` may raise to end everything early.

    `stop` is called once when the pipeline ends early, to end the fetches that are under way.
    """

    staging: Path
    threads: int
    fetch: Callable[[Piece, Path], None]
    check: Callable[[], None]
    stop: Callable[[], None]
    ahead_bytes: int = AHEAD_BYTES

    def run(self, batches: Iterable[Batch], load: Callable[[Batch, Path], None]) -> None:
        """Stage each batch, call `load` with its directory, and remove what is left of it.

        The first error ends it: of a fetch, of `load`, or of `check`. Then nothing is being fetched any more, and
        complete files stay for the next attempt.
        """
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="restore-fetch")
        try:
            for staged in self._ahead(iter(batches), pool):
                self._wait(staged)
                load(staged.batch, staged.directory)
                shutil.rmtree(self.staging / str(staged.batch.number))
        except BaseException:
            self.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _ahead(self, batches: Iterator[Batch], pool: ThreadPoolExecutor) -> Iterator[Staged]:
        """Batches in order, each with as many behind it in the queue as may be staged."""
        queue: deque[Staged] = deque()
        following = next(batches, None)
        while following is not None or queue:
            while following is not None and self._has_room(queue, following):
                queue.append(self._begin(following, pool))
                following = next(batches, None)
            yield queue[0]
            queue.popleft()

    def _has_room(self, queue: deque[Staged], following: Batch) -> bool:
        if not queue:
            return True
        ahead = sum(staged.batch.size for staged in queue)
        return len(queue) < _AHEAD_BATCHES and ahead + following.size <= queue[0].batch.size + self.ahead_bytes

    def _begin(self, batch: Batch, pool: ThreadPoolExecutor) -> Staged:
        directory = batch.directory(self.staging)
        directory.mkdir(parents=True, exist_ok=True)
        wanted = {piece.name for piece in batch.pieces}
        for path in directory.iterdir():
            # Of an attempt that loaded something else here.
            if path.name not in wanted:
                path.unlink()
        files = tuple(pool.submit(self.fetch, piece, directory / piece.name) for piece in batch.pieces)
        return Staged(batch, directory, files)

    def _wait(self, staged: Staged) -> None:
        open_files = set(staged.files)
        while open_files:
            self.check()
            done, open_files = wait(open_files, _POLL_SECONDS, FIRST_EXCEPTION)
            for future in done:
                future.result()
