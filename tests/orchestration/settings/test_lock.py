"""The lock of a home: one writer at a time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.settings.errors import LockedError
from orchestration.settings.home import Home
from orchestration.settings.lock import Lock, current_holder

# Each process tries once; the winner stays until its standard input closes.
CONTENDER = """
import sys
from pathlib import Path
from orchestration.settings.errors import LockedError
from orchestration.settings.home import Home
from orchestration.settings.lock import Lock
lock = Lock.of(Home(Path(sys.argv[1])))
sys.stdin.readline()
try:
    lock.acquire("contender")
except LockedError as error:
    print("refused", error, flush=True)
else:
    print("goes on", flush=True)
    sys.stdin.readline()
"""


def contender(root: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CONTENDER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def say_go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_of_twenty_at_once_exactly_one_goes_on_and_the_others_name_it(home: Home) -> None:
    processes = [contender(home.root) for _ in range(20)]
    for process in processes:
        say_go(process)
    answers = {process.pid: answer(process) for process in processes}
    winners = [pid for pid, text in answers.items() if text == "goes on"]
    assert len(winners) == 1
    for pid, text in answers.items():
        assert pid in winners or f"process {winners[0]}," in text
    for process in processes:
        process.communicate()


def test_a_killed_holder_does_not_block_and_is_remembered(home: Home) -> None:
    process = contender(home.root)
    say_go(process)
    assert answer(process) == "goes on"
    holder = current_holder(home)
    assert holder is not None
    assert holder.pid == process.pid
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert current_holder(home) is None
    lock = Lock.of(home)
    lock.acquire("next")
    assert lock.crashed is not None
    assert lock.crashed.pid == process.pid
    lock.release()
    again = Lock.of(home)
    again.acquire("after a clean end")
    assert again.crashed is None
    again.release()


def test_a_waiting_run_says_for_whom_it_waits_and_goes_on_afterwards(home: Home) -> None:
    process = contender(home.root)
    say_go(process)
    assert answer(process) == "goes on"
    waited_for: list[int] = []

    def on_wait(holder: object) -> None:
        waited_for.append(getattr(holder, "pid", 0))
        process.communicate()

    lock = Lock.of(home)
    lock.acquire("scheduled", wait=True, on_wait=on_wait, poll=0.01)
    assert waited_for == [process.pid]
    lock.release()


def test_a_run_does_not_wait_for_its_own_command(home: Home) -> None:
    command = Lock.of(home)
    command.acquire("pipeledger run")
    run = Lock.of(home)
    run.acquire("the Dagster run in it")
    run.release()
    assert current_holder(home) is not None
    command.release()
    assert current_holder(home) is None


def test_looking_at_the_lock_does_not_stop_a_run(home: Home) -> None:
    home.root.mkdir()
    home.lock.touch()
    looker = (
        "import sys; from pathlib import Path; from orchestration.settings.lock import *\n"
        "while True: current_holder(Home(Path(sys.argv[1])))"
    )
    process = subprocess.Popen([sys.executable, "-c", looker, str(home.root)])
    time.sleep(0.3)
    try:
        for _ in range(20):
            lock = Lock.of(home)
            lock.acquire("run")
            lock.release()
    finally:
        process.kill()
        process.wait()


def test_the_lock_file_is_not_inherited_by_children(home: Home) -> None:
    lock = Lock.of(home)
    lock.acquire("parent")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    lock.release()
    try:
        Lock.of(home).acquire("next")
        Lock.of(home).release()
    except LockedError:
        pytest.fail("a child kept the lock")
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
