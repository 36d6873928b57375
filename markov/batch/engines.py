"""Where tasks are computed: in this process, over the cores of this machine, or on a Dask cluster.

Every engine runs the same function on the same tasks, so that results do not depend on it. One that loses a worker says
which task was lost, and goes on.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pickle import UnpicklingError
from queue import Empty, Queue
from typing import TYPE_CHECKING, Protocol

from markov.batch.keys import program_state
from markov.batch.tasks import Answer, Task, run_task
from markov.model.workers import Helper

if TYPE_CHECKING:
    from distributed import Client, Future

LOST = "the worker process ended"
SECONDS_TO_ANSWER = 20


class EngineError(OSError):
    """The engine cannot work: no scheduler, no workers, or workers with another program."""


@dataclass(frozen=True)
class Finished:
    """A task that came back: with an answer for each of its jobs, or lost, with the reason."""

    task: Task
    answers: tuple[Answer, ...] = ()
    lost: str = ""


class Engine(Protocol):
    """Takes tasks and gives them back when they are finished, in any order."""

    @property
    def name(self) -> str:
        """What it is, in words."""

    @property
    def room(self) -> int:
        """How many more tasks it should be given now."""

    def submit(self, task: Task) -> None:
        """Take a task."""

    def wait(self, seconds: float) -> list[Finished]:
        """Tasks that are finished; after so many seconds none."""

    def close(self) -> None:
        """Stop, also in the middle of tasks."""


class InProcess:
    """One task at a time, in this process."""

    name = "in process"

    def __init__(self) -> None:
        self.waiting: list[Task] = []

    @property
    def room(self) -> int:
        """One task, computed when it is waited for."""
        return 1 - len(self.waiting)

    def submit(self, task: Task) -> None:
        """Take a task."""
        self.waiting.append(task)

    def wait(self, seconds: float) -> list[Finished]:
        """Compute what is waiting."""
        tasks, self.waiting = self.waiting, []
        return [Finished(task, tuple(run_task(task))) for task in tasks]

    def close(self) -> None:
        """Forget what is waiting."""
        self.waiting.clear()


class Cores:
    """Helper processes on this machine, one task each; a helper that dies is replaced."""

    def __init__(self, workers: int):
        self.workers, self.submitted = workers, 0
        self.helpers = [Helper() for _ in range(workers)]
        self.free: Queue[Helper] = Queue()
        for helper in self.helpers:
            self.free.put(helper)
        self.done: Queue[Finished | Exception] = Queue()
        self.pool = ThreadPoolExecutor(workers)
        self.closing = False

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"over {self.workers} processes"

    @property
    def room(self) -> int:
        """One task a helper."""
        return self.workers - self.submitted

    def submit(self, task: Task) -> None:
        """Take a task."""
        self.submitted += 1
        self.pool.submit(self._run, task)

    def _run(self, task: Task) -> None:
        helper = self.free.get()
        try:
            answers: list[Answer] = helper(run_task, task)
            self.done.put(Finished(task, tuple(answers)))
        except (EOFError, OSError, UnpicklingError):  # the pipe to a dead process is closed, or its answer cut off
            if not self.closing:
                helper = self._instead_of(helper)
            self.done.put(Finished(task, lost=LOST))
        except Exception as error:
            self.done.put(error)
        self.free.put(helper)

    def _instead_of(self, helper: Helper) -> Helper:
        helper.discard()
        self.helpers[self.helpers.index(helper)] = new = Helper()
        return new

    def wait(self, seconds: float) -> list[Finished]:
        """Tasks that are finished; after so many seconds none."""
        try:
            found = [self.done.get(timeout=seconds)]
        except Empty:
            return []
        while not self.done.empty():
            found.append(self.done.get())
        self.submitted -= len(found)
        return [_sound(each) for each in found]

    def close(self) -> None:
        """End the helpers, also in the middle of tasks."""
        self.closing = True
        for helper in self.helpers:
            helper.process.kill()  # a thread that waits for its answer reads the end of the pipe instead
        self.pool.shutdown(cancel_futures=True)
        for helper in self.helpers:
            helper.discard()


def _sound(each: Finished | Exception) -> Finished:
    if isinstance(each, RuntimeError):  # the program was changed while it ran
        raise EngineError(f"{each}. Run the same command again to continue.") from each
    if isinstance(each, Exception):
        raise each
    return each


class Cluster:
    """The workers of a Dask scheduler; a task whose worker dies is run again by the scheduler, on another one."""

    def __init__(self, address: str):
        self.address = address
        self.silence = f"the scheduler {address} no longer answers. Run the same command again to continue."
        self.client = _client(address)
        self.done: Queue[tuple[Task, Future]] = Queue()
        self.futures: set[Future] = set()
        self._same_program()

    def _same_program(self) -> None:
        """Every worker has this program, and there is at least one."""
        own = program_state()
        try:
            found = self.client.run(program_state)
        except Exception as error:  # whatever importing the program raises on a worker comes back as it is
            self.close()
            message = f"a worker of {self.address} cannot run this program ({error})"
            raise EngineError(f"{message}. Install it on every worker.") from error
        if not found:
            self.close()
            raise EngineError(f"{self.address} has no worker. Start some: dask worker {self.address}")
        other = {worker: state for worker, state in found.items() if state != own}
        if other:
            self.close()
            worker, state = next(iter(other.items()))
            raise EngineError(f"worker {worker} has {state}, this machine {own}. Install the same program on both.")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"on the cluster {self.address}"

    @property
    def room(self) -> int:
        """Two tasks a thread of the workers, so that none waits for the next."""
        threads = int(sum(self.client.nthreads().values()))
        return max(2 * threads, 1) - len(self.futures)

    def submit(self, task: Task) -> None:
        """Take a task."""
        future = self.client.submit(run_task, task, pure=False)
        self.futures.add(future)
        future.add_done_callback(lambda done: self.done.put((task, done)))

    def wait(self, seconds: float) -> list[Finished]:
        """Tasks that are finished; after so many seconds none."""
        try:
            task, future = self.done.get(timeout=seconds)
        except Empty:
            if self.client.status not in ("running", "connecting"):
                raise EngineError(self.silence) from None
            return []
        self.futures.discard(future)
        return [self._finished(task, future)]

    def _finished(self, task: Task, future: "Future") -> Finished:
        from distributed import CancelledError, KilledWorker

        try:
            return Finished(task, tuple(future.result()))
        except KilledWorker:
            return Finished(task, lost=LOST)
        except (CancelledError, TimeoutError) as error:
            raise EngineError(self.silence) from error
        except RuntimeError as error:  # a worker that joined later has another program
            raise EngineError(f"{error}. Install the same program on every worker.") from error
        finally:
            future.release()

    def close(self) -> None:
        """Let go of the cluster, which goes on without us; what it was computing is cancelled."""
        self.client.cancel(list(self.futures))
        self.client.close()


def _client(address: str) -> "Client":
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        message = "--scheduler needs the package distributed: pip install 'markov-myeloma[cluster]'"
        raise EngineError(message) from error
    try:
        return Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise EngineError(f"no Dask scheduler answers at {address}. Start one: dask scheduler") from error


def engine(workers: int = 1, scheduler: str | None = None) -> Engine:
    """The engine for so many processes, or for a Dask scheduler.

    Raises EngineError where the scheduler cannot be used.

    >>> engine().name
    'in process'
    """
    if scheduler is not None:
        return Cluster(scheduler)
    return InProcess() if workers == 1 else Cores(workers)
