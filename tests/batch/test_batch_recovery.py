"""Nothing is lost: a batch that is killed, loses workers or shares its folder ends as if nothing had happened."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from markov.batch.engines import LOST, Cluster, Cores, EngineError, Finished, InProcess, engine
from markov.batch.plan import Plan, Request, make_plan
from markov.batch.run import Watch, run_plan
from markov.batch.store import Counts, Store
from markov.inputs.rules.between_values import scenario_names
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped
from tests.batch.test_batch import MYELOMA_IX, ask
from tests.support.command import markov

DRAWS = 10
SCENARIOS = scenario_names(read_inputs(MYELOMA_IX))[:11]
NAMED = (word for name in SCENARIOS for word in ("--scenarios", name))
COMMAND = ("batch", MYELOMA_IX, *NAMED, "--psa", DRAWS, "--out", "out")
JOBS = 24  # the base case and 11 scenarios, each once as it is and once with random draws
RESULTS = "SELECT scenario, analysis, results.* FROM jobs JOIN results USING (key) WHERE run = {} ORDER BY job, place"
EVERY_RESULT = "SELECT * FROM results ORDER BY key, place"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(Request((MYELOMA_IX,), SCENARIOS, draws=DRAWS))


@pytest.fixture(scope="module")
def undisturbed(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    """Every result of a batch that nothing happened to."""
    place = tmp_path_factory.mktemp("undisturbed")
    computed(plan, place / "out", InProcess())
    found = ask(place, EVERY_RESULT)
    assert len(found) == 2 * JOBS
    return found


def computed(plan: Plan, folder: Path, used: InProcess | Cores | Cluster, watch: Watch | None = None) -> None:
    store = Store(folder)
    try:
        run_plan(plan, store, used, "test", watch or (lambda counts: None))
    finally:
        used.close()
        store.close()


def test_killed_in_the_middle_and_run_again_it_is_complete_and_nothing_was_computed_twice(
    undisturbed: list[tuple[object, ...]], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "markov", *map(str, COMMAND)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while answers(tmp_path) < JOBS // 2:
        assert process.poll() is None, "it finished before it could be killed"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = answers(tmp_path)
    assert JOBS // 2 <= before < JOBS
    status = markov("batch", "--status", "--out", "out", folder=tmp_path)
    assert "stopped without finishing" in status.stdout
    assert f"{before} done, 0 failed, {JOBS - before} left" in status.stdout

    done = markov(*COMMAND, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ask(tmp_path, EVERY_RESULT) == undisturbed
    outcomes = ask(tmp_path, "SELECT key, GROUP_CONCAT(outcome) FROM computations GROUP BY key")
    assert len(outcomes) == JOBS
    repeated = [told for _, told in outcomes if told != "done"]
    assert set(repeated) <= {"lost,done"}, "only what was in flight is computed again"
    in_flight = ask(tmp_path, "SELECT COUNT(*) FROM computations WHERE run = 1 AND outcome = 'lost'")
    assert in_flight == [(len(repeated),)]
    assert ask(tmp_path, "SELECT COUNT(*) FROM computations WHERE run = 2") == [(JOBS - before,)]


def answers(folder: Path) -> int:
    """Results in the store so far, of another process."""
    try:
        return int(str(ask(folder, "SELECT COUNT(*) FROM answers")[0][0])) if (folder / "out").exists() else 0
    except sqlite3.OperationalError:
        return 0  # it is being made


def test_two_processes_give_bit_for_bit_what_one_gives_also_when_one_of_them_is_killed(
    plan: Plan, undisturbed: list[tuple[object, ...]], tmp_path: Path
) -> None:
    cores = Cores(2)
    killed: list[int] = []

    def kill_one(counts: Counts) -> None:
        if counts.done >= JOBS // 2 and not killed:
            killed.append(cores.helpers[0].process.pid)
            os.kill(killed[0], signal.SIGKILL)

    computed(plan, tmp_path / "out", cores, kill_one)
    assert killed
    assert ask(tmp_path, EVERY_RESULT) == undisturbed
    assert len(ask(tmp_path, "SELECT * FROM answers")) == JOBS


def test_two_runs_on_one_folder_share_the_work(undisturbed: list[tuple[object, ...]], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "markov", *map(str, COMMAND)]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(2)]
    for process in both:
        words, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert f"{JOBS} of {JOBS} jobs have results; none failed" in words.decode()
    assert ask(tmp_path, EVERY_RESULT) == undisturbed
    by_run = ask(tmp_path, "SELECT run, COUNT(*) FROM computations GROUP BY run")
    assert len(by_run) == 2
    assert sum(int(str(count)) for _, count in by_run) == JOBS


def test_an_interruption_gives_back_what_was_taken_up(plan: Plan, tmp_path: Path) -> None:
    def interrupt(counts: Counts) -> None:
        if counts.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        computed(plan, tmp_path / "out", InProcess(), interrupt)
    assert ask(tmp_path, "SELECT outcome FROM runs") == [("interrupted",)]
    assert ask(tmp_path, "SELECT COUNT(*) FROM computations WHERE finished IS NULL") == [(0,)]


def test_what_a_dead_run_took_up_is_taken_over_and_a_living_one_is_left_alone(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = plan.tasks[0].keys[0]
    first, second = (store.begin(plan, "test", "") for _ in range(2))
    store.connection.execute("UPDATE runs SET host = 'elsewhere' WHERE run = ?", (first,))
    assert store.claim(first, [key]) == [key]
    assert store.claim(second, [key]) == []
    store.connection.execute("UPDATE runs SET heartbeat = heartbeat - 61 WHERE run = ?", (first,))
    assert store.claim(second, [key]) == [key]
    told = store.rows("SELECT run, outcome FROM computations ORDER BY computation")
    assert [tuple(row) for row in told] == [(first, "lost"), (second, None)]
    store.close()


class Fatal(InProcess):
    """An engine that loses its worker whenever it computes one job."""

    def __init__(self, key: str):
        super().__init__()
        self.key = key

    def wait(self, seconds: float) -> list[Finished]:
        fatal = [Finished(task, lost=LOST) for task in self.waiting if self.key in task.keys]
        self.waiting = [task for task in self.waiting if self.key not in task.keys]
        return [*fatal, *super().wait(seconds)]


def test_a_job_that_kills_its_workers_fails_by_name_and_the_others_of_its_task_do_not(tmp_path: Path) -> None:
    names = tuple(f"Start at age {age}" for age in (53, 63))
    small = make_plan(Request((shipped("calgb_100104"),), names))
    fatal = next(job for job in small.jobs if job.scenario == names[0])
    assert fatal.key is not None
    computed(small, tmp_path / "out", Fatal(fatal.key))
    states = ask(tmp_path, "SELECT scenario, state FROM job_states ORDER BY job")
    assert states == [("Base case", "done"), (names[0], "failed"), (names[1], "done")]
    assert "ended 3 times" in str(ask(tmp_path, "SELECT message FROM problems"))
    lost = ask(tmp_path, f"SELECT COUNT(*) FROM computations WHERE key = '{fatal.key}' AND outcome = 'lost'")
    assert lost == [(5,)], "twice with its task, three times alone"


# --------------------------------------------------------------------------------------------------------- cluster

CLUSTER = """
import json, sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        workers = cluster.scheduler_info["workers"].values()
        pids = [nanny.pid for nanny in cluster.workers.values()]
        print(json.dumps({"address": cluster.scheduler_address, "pids": pids}), flush=True)
        sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """A Dask cluster of two worker processes, beside this one."""
    script = tmp_path_factory.mktemp("cluster") / "cluster.py"
    script.write_text(CLUSTER)
    process = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    process.communicate("stop\n", timeout=60)


def test_a_cluster_gives_bit_for_bit_the_same_also_when_a_worker_is_killed(
    plan: Plan, undisturbed: list[tuple[object, ...]], cluster: dict[str, object], tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_one(counts: Counts) -> None:
        pids = cluster["pids"]
        assert isinstance(pids, list)
        if counts.done >= JOBS // 2 and not killed:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    used = engine(scheduler=str(cluster["address"]))
    assert isinstance(used, Cluster)
    computed(plan, tmp_path / "out", used, kill_one)
    assert killed
    assert ask(tmp_path, EVERY_RESULT) == undisturbed
    assert ask(tmp_path, "SELECT outcome FROM runs") == [("complete",)]


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markov.batch.engines.SECONDS_TO_ANSWER", 1)
    with pytest.raises(EngineError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        engine(scheduler="tcp://127.0.0.1:1")
