"""`pipeledger` in a process of its own, forked from one that has dbt and Dagster imported.

Importing them takes 4 CPU seconds, and the tests call the command some hundred times. One server for each test process
imports them once. It has one thread, so that a fork of it is sound, and it opens nothing: a command begins with what an
import leaves, its own arguments, folder, environment and output. That the installed command starts from nothing is
what README's commands on the demo and `tests/orchestration/test_wheel.py` see.
"""

import array
import atexit
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run `pipeledger` with `arguments` in `folder`; its exit code (negative for a signal), output and errors."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        answer = ask(server(), arguments, folder, environment, out.fileno(), err.fileno())
        out.seek(0)
        err.seek(0)
        if not answer:
            raise RuntimeError(f"pipeledger {' '.join(arguments)}: no exit code. {err.read().decode()[-4000:]}")
        return int(answer), out.read().decode(), err.read().decode()


def ask(
    address: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], out: int, err: int
) -> bytes:
    """Have the server at `address` run a command that writes to the files `out` and `err`; its exit code as text."""
    request = json.dumps([list(arguments), str(folder), dict(environment)]).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        files = array.array("i", [out, err])
        connection.sendmsg([len(request).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
        connection.sendall(request)
        return connection.makefile("rb").read()


def environment_at(folder: Path) -> None:
    """A virtual environment whose `pipeledger` is forked from this process's server, for those who type it."""
    (folder / "bin").mkdir(parents=True)
    for name, words in {"python": (), "pipeledger": (str(Path(__file__)), "ask", server())}.items():
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *words])} "$@"\n')
        program.chmod(0o755)


@cache
def server() -> str:
    """The socket of this process's server, which is started at the first call and ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="forked-")
    address = f"{folder.name}/socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", "serve", address],
        cwd=PROJECT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "200"},  # rich looks when it is imported
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdout is None or process.stdout.readline() != b"ready\n":
        raise RuntimeError("the server of forked commands did not start; its error stands above")

    def end() -> None:
        process.kill()
        process.wait()
        folder.cleanup()

    atexit.register(end)
    return address


def serve(address: str) -> None:
    """Answer each connection from a child of its own."""
    import dagster
    import dagster_dbt
    import dbt.adapters.duckdb.connections
    import dbt.cli.main

    import orchestration.cli

    imported = [dagster, dagster_dbt, dbt.adapters.duckdb.connections, dbt.cli.main, orchestration.cli]
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise SystemExit(f"one of {[module.__name__ for module in imported]} starts a thread: a fork would lose it")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    answer(connection)
                    os._exit(0)


def answer(connection: socket.socket) -> None:
    """Run the command that `connection` asks for in a further child, and tell its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(connection, 8, 2)
    request = connection.makefile("rb").read(int.from_bytes(size, "big"))
    child = os.fork()
    if child == 0:
        connection.close()
        command(*json.loads(request), *files)
    _, status = os.waitpid(child, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def command(arguments: list[str], folder: str, environment: dict[str, str], out: int, err: int) -> None:
    """Become the command; does not return."""
    code = 1
    try:
        os.setsid()  # signals to it are not ours
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), encoding="utf-8")  # noqa: SIM115 - ends with us
        sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), encoding="utf-8", line_buffering=True)  # noqa: SIM115
        sys.argv = ["pipeledger", *arguments]
        from orchestration.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        atexit._run_exitfuncs()  # what libraries do at the end; pytest's own are not among them
        os._exit(code)


if __name__ == "__main__":
    what, where, *words = sys.argv[1:]
    if what == "serve":
        serve(where)
    else:
        sys.exit(int(ask(where, words, Path.cwd(), os.environ, 1, 2) or 1))
