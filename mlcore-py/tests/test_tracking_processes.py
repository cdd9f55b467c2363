"""Runs of processes that end, are killed, and are forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

import mlcore

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


def script(body, *arguments, check=True):
    """Runs a program of its own; what it prints."""
    body = "import os, sys\nimport mlcore\nmlcore.set_tracking_url(sys.argv[1])\n" + textwrap.dedent(body)
    answer = subprocess.run([sys.executable, "-W", "error", "-c", body, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert not check or answer.returncode == 0, answer.stderr
    return answer


def runs(path):
    with mlcore.Tracker(path) as tracker:
        return [(run, tracker.get_metric_history(run.info.run_id, "loss")) for run in tracker._all_runs(["0"], "", 1, 100, ["attributes.start_time ASC"])]


def test_the_end_of_a_program_ends_its_runs(tmp_path):
    script(
        """
        mlcore.start_run()
        mlcore.log_metric("loss", 0.5)
        mlcore.start_run(nested=True)
        mlcore.log_metric("loss", 0.25)
        """,
        tmp_path / "t.db",
    )
    found = runs(tmp_path / "t.db")
    assert [(run.info.status, len(points)) for run, points in found] == [("FINISHED", 1), ("FINISHED", 1)]


@pytest.mark.parametrize("round", range(3))
def test_what_was_acknowledged_survives_the_kill(tmp_path, round):
    body = """
        import itertools, time
        with mlcore.start_run() as run:
            for step in itertools.count():
                run.log_metric("loss", step, step)
                if step % 50 == 49:
                    run.flush()
                    print(step, flush=True)
        """
    body = "import os, sys\nimport mlcore\nmlcore.set_tracking_url(sys.argv[1])\n" + textwrap.dedent(body)
    child = subprocess.Popen([sys.executable, "-c", body, str(tmp_path / "t.db")], stdout=subprocess.PIPE, text=True)
    for _ in range(3 + 5 * round):
        acknowledged = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    rest, _ = child.communicate()
    acknowledged = max([acknowledged, *(int(line) for line in rest.splitlines() if line.endswith("9"))])
    ((run, points),) = runs(tmp_path / "t.db")
    assert run.info.status == "RUNNING" and {point.step for point in points} >= set(range(acknowledged + 1))


def test_ctrl_c_kills_the_run(tmp_path):
    body = """
        import signal
        with mlcore.start_run() as run:
            run.log_metric("loss", 0.5)
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                run.log_metric("other", 0.5)
        """
    answer = script(body, tmp_path / "t.db", check=False)
    assert "KeyboardInterrupt" in answer.stderr
    ((run, points),) = runs(tmp_path / "t.db")
    assert (run.info.status, len(points)) == ("KILLED", 1)


def test_a_forked_process_logs_and_ends_nothing_of_its_parent(tmp_path):
    script(
        """
        with mlcore.start_run() as run:
            run.log_metric("loss", 0.0, 0)
            children = []
            for number in range(1, 5):
                child = os.fork()
                if child == 0:
                    assert mlcore.active_run() is None
                    for step in range(100):
                        run.log_metric("loss", number, number * 1000 + step)
                    flushed = run.flush()
                    assert flushed.written == 100, flushed
                    # A run of its own.
                    with mlcore.start_run(run_name=f"child{number}"):
                        mlcore.log_metric("loss", number)
                    # The end of a program, with what it does then.
                    sys.exit(0)
                children.append(child)
            for child in children:
                assert os.waitpid(child, 0)[1] == 0
            assert mlcore.active_run() is run
            assert mlcore.get_run(run.info.run_id).info.status == "RUNNING"
            run.log_metric("loss", 9.0, 9000)
        """,
        tmp_path / "t.db",
    )
    (parent, points), *children = runs(tmp_path / "t.db")
    assert parent.info.status == "FINISHED" and len(points) == 1 + 400 + 1
    assert sorted(run.info.run_name for run, _ in children) == ["child1", "child2", "child3", "child4"]
    assert all(run.info.status == "FINISHED" and len(points) == 1 for run, points in children)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_write_before_they_end(tmp_path, method):
    (tmp_path / "work.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys
            import mlcore

            def work(run, number):
                for step in range(50):
                    run.log_metric("loss", number, number * 100 + step)

            if __name__ == "__main__":
                mlcore.set_tracking_url(sys.argv[1])
                context = multiprocessing.get_context(sys.argv[2])
                with mlcore.start_run() as run:
                    workers = [context.Process(target=work, args=(run, number)) for number in range(3)]
                    for worker in workers:
                        worker.start()
                    for worker in workers:
                        worker.join()
                        assert worker.exitcode == 0
            """
        )
    )
    subprocess.run([sys.executable, tmp_path / "work.py", tmp_path / "t.db", method], check=True, timeout=120)
    ((run, points),) = runs(tmp_path / "t.db")
    assert run.info.status == "FINISHED" and len(points) == 150


def test_a_tracker_in_memory_stays_in_its_process():
    tracker = mlcore.Tracker("memory:")
    log = tracker.log(tracker.create_run("0").info.run_id)
    log.metric("loss", 1.0)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            log.metric("loss", 2.0)
        except mlcore.UnavailableError as error:
            code = 0 if "in the memory of the process that this one was forked from" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert log.flush().written == 1
