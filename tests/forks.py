"""Commands of the product as forks of a process that has imported it already.

A service spends three quarters of its start on imports, and most commands nearly all of their time: 3.1 s of a processor become
0.8, 1.3 become 0.05. `python -m tests.forks FD` imports once per run of tests, on one thread and without running anything,
and forks for each command. The fork gets an environment, a folder, files and arguments of its own, runs the module as `python -m
MODULE` does, and ends without taking apart what was imported. A service's worker is a fork as well (`tests/forked_worker.py`),
and so is what a shell runs, where `nexgent` is the program that `program` makes.
Only what the kernel remembers of a start is the parent's, `/proc/PID/environ` and the command line: what looks at those asks for
a process that was started for it.
"""

from __future__ import annotations

import array
import atexit
import fcntl
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from tests.leftovers import owner_of
from tests.patience import PATIENCE_SECONDS
from tests.run_folder import SHARED_FOLDER

_REPOSITORY = Path(__file__).resolve().parents[1]
_LENGTH = struct.Struct("!I")
_CODE = struct.Struct("!i")
_FILES = 4
"""What comes with a request: input, output, errors, and where the exit code goes."""


class Running(Protocol):
    """What tests use of a process."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or nobody has looked."""

    def poll(self) -> int | None:
        """Return the exit code once it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raise `subprocess.TimeoutExpired` when that takes longer than so many seconds."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""

    def kill(self) -> None:
        """End it the hard way."""


def can_fork() -> bool:
    """Tell whether commands may be forks here: coverage counts processes that are started, and only Linux's forks are sound."""
    return sys.platform == "linux" and "COVERAGE_PROCESS_CONFIG" not in os.environ


def run_module(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdout: IO[bytes],
    stderr: IO[bytes] | None = None,
    stdin: IO[bytes] | None = None,
    forked: bool = True,
) -> Running:
    """Run `python -m ARGUMENTS`; what it says of errors goes to the file of its output unless there is one for that."""
    if forked and can_fork():
        return _server().spawn(arguments, env=env, cwd=cwd, stdout=stdout, stderr=stderr, stdin=stdin)
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=env,
        cwd=cwd,
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr or subprocess.STDOUT,
    )


def completed(
    arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, typed: str = "", forked: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run `python -m ARGUMENTS` to its end with something typed into it."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(typed.encode())
        stdin.seek(0)
        process = run_module(
            arguments, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, forked=forked
        )
        try:
            code = process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
        printed = []
        for file in (stdout, stderr):
            file.seek(0)
            printed.append(file.read().decode())
    return subprocess.CompletedProcess(list(arguments), code, *printed)


@contextmanager
def program(path: Path) -> Iterator[None]:
    """Make a program at a path whose calls are forks of `nexgent`, for what is typed into a shell while the block runs.

    It takes a hundredth of a second to begin. It is interrupted and ended as the command itself is.
    """
    if not can_fork():
        path.symlink_to(Path(sys.executable).parent / "nexgent")
        yield
        return
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        address = f"{folder}/forks"
        listener.bind(address)
        listener.listen()
        path.write_text(f"#!{sys.executable} -IS\nADDRESS = {address!r}\n{_PROGRAM}")
        path.chmod(0o700)
        answering = threading.Thread(target=_answer, args=(listener,))
        answering.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            answering.join()


# Only the standard library, and little of it: this is an interpreter of its own.
_PROGRAM = """
import json, os, signal, socket, struct, sys

forks = socket.socket(socket.AF_UNIX)
forks.connect(ADDRESS)
request = json.dumps({"arguments": ["nexgent", *sys.argv[1:]], "env": dict(os.environ), "cwd": os.getcwd()}).encode()
socket.send_fds(forks, [struct.pack("!I", len(request))], [0, 1, 2])
forks.sendall(request)
(pid,) = struct.unpack("!i", forks.recv(4, socket.MSG_WAITALL))
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: os.kill(pid, number))
(code,) = struct.unpack("!i", forks.recv(4, socket.MSG_WAITALL))
sys.exit(code if code >= 0 else 128 - code)
"""


def _answer(listener: socket.socket) -> None:
    """Have a fork made for each call, until nobody listens any more."""
    calls = []
    while True:
        try:
            call, _ = listener.accept()
        except OSError:
            break
        calls.append(threading.Thread(target=_answer_one, args=(call,)))
        calls[-1].start()
    for one in calls:
        one.join()


def _answer_one(call: socket.socket) -> None:
    with call, ExitStack() as files:
        head, given, _, _ = socket.recv_fds(call, _LENGTH.size, _FILES)
        stdin, stdout, stderr = (files.enter_context(os.fdopen(one, "rb", 0)) for one in given)
        request = json.loads(_receive(call, *_LENGTH.unpack(head)))
        fork = _server().spawn(
            request["arguments"],
            env=request["env"],
            cwd=Path(request["cwd"]),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        files.close()
        # Whoever has called may be gone before its command.
        with suppress(BrokenPipeError):
            call.sendall(_CODE.pack(fork.pid))
            call.sendall(_CODE.pack(fork.wait()))


_servers: dict[int, ForkServer] = {}


def _server() -> ForkServer:
    # Tries of mutants fork: each process has a server of its own.
    server = _servers.get(os.getpid())
    if server is None:
        server = _servers[os.getpid()] = ForkServer()
        atexit.register(server.close)
    return server


class ForkServer:
    """The process that forks, as its user sees it. It ends with its user.

    Where several processes of tests run, it is a fork itself, of one that they share and that ends with the run.
    """

    def __init__(self) -> None:
        shared = os.environ.get(SHARED_FOLDER)
        self._process: subprocess.Popen[bytes] | None = None
        if shared:
            self._socket = _line_to_a_fork(Path(shared))
        else:
            self._socket, theirs = socket.socketpair()
            with theirs:
                self._process = _start(theirs)
        self._owner = os.getpid()
        self._turn = threading.Lock()

    def spawn(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdout: IO[bytes],
        stderr: IO[bytes] | None = None,
        stdin: IO[bytes] | None = None,
    ) -> Running:
        """Run `python -m ARGUMENTS` in a fork."""
        request = json.dumps({"arguments": list(arguments), "env": dict(env), "cwd": str(cwd)}).encode()
        reading, writing = os.pipe()
        try:
            with Path(os.devnull).open("rb") as nothing:
                files = [one.fileno() for one in (stdin or nothing, stdout, stderr or stdout)]
                with self._turn:
                    _send(self._socket, request, [*files, writing])
                    (pid,) = _CODE.unpack(_receive(self._socket, _CODE.size))
        finally:
            os.close(writing)
        return _Fork(pid, reading, arguments)

    def close(self) -> None:
        """End it; commands that still run go on."""
        self._socket.close()
        if self._process is not None and self._owner == os.getpid():
            self._process.wait()


def _start(control: socket.socket, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.forks", str(control.fileno()), *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=_REPOSITORY,
        env={key: os.environ[key] for key in ("PATH", "LANG", "HOME", "TMPDIR") if key in os.environ},
        pass_fds=[control.fileno()],
    )


def _line_to_a_fork(folder: Path) -> socket.socket:
    """Return a connection to a fork of the process that those of a run share, which the first of them starts."""
    address = folder / "forks"
    line = socket.socket(socket.AF_UNIX)
    with (folder / "forks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(address))
                listener.listen()
                # It outlives whoever has started it.
                _start(listener, str(owner_of(folder))).returncode = 0
    line.connect(str(address))
    return line


class _Fork:
    """A fork, as `subprocess.Popen` shows processes."""

    def __init__(self, pid: int, ending: int, arguments: Sequence[str]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ending = ending
        self._arguments = arguments

    def poll(self) -> int | None:
        """Return the exit code once it has ended."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        code = self._look(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(list(self._arguments), timeout)
        return code

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it the hard way."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._ending, select.POLLIN)
            if poll.poll(None if timeout is None else timeout * 1000):
                (self.returncode,) = _CODE.unpack(os.read(self._ending, _CODE.size))
                os.close(self._ending)
        return self.returncode


def _send(to: socket.socket, data: bytes, files: Sequence[int]) -> None:
    rights = array.array("i", files).tobytes()
    sent = to.sendmsg([_LENGTH.pack(len(data))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    assert sent == _LENGTH.size
    to.sendall(data)


def _receive(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _fork_for_each_process(listener: socket.socket, run: int) -> socket.socket:
    """Fork for whoever comes; return, in the fork, its connection. Ends the process with that of the whole run."""
    # Nobody asks how the forks have ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    over = os.pidfd_open(run)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(over, select.POLLIN)
    while over not in [one for one, _ in poll.poll()]:
        line, _ = listener.accept()
        if os.fork() == 0:
            os.close(over)
            listener.close()
            return line
        line.close()
    os._exit(0)


def _serve(control: socket.socket) -> dict[str, Any]:
    """Fork whenever asked; return, in the fork, what was asked for. Ends the process when the other side is gone."""
    endings: dict[int, int] = {}
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C is for whoever runs the tests; they end us by going.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(woken, select.POLLIN)
    while True:
        ready = [one for one, _ in poll.poll()]
        if woken in ready:
            os.read(woken, 4096)
            _reap(endings)
        if control.fileno() not in ready:
            continue
        head, files, _, _ = socket.recv_fds(control, _LENGTH.size, _FILES)
        if not head:
            os._exit(0)
        request = json.loads(_receive(control, *_LENGTH.unpack(head)))
        assert threading.active_count() == 1
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number, file in enumerate(files[:3]):
                os.dup2(file, number)
            os.closerange(3, max(*files, control.fileno(), woken, waking, *endings.values()) + 1)
            control.detach()
            return dict(request)
        endings[pid] = files[3]
        for file in files[:3]:
            os.close(file)
        control.sendall(_CODE.pack(pid))


def _reap(endings: dict[int, int]) -> None:
    """Pass on the exit codes of those that have ended."""
    while endings:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        ending = endings.pop(pid)
        # Nobody may be interested any more.
        with suppress(BrokenPipeError):
            os.write(ending, _CODE.pack(os.waitstatus_to_exitcode(status)))
        os.close(ending)


def _import_all() -> None:
    """Import what most commands need, in the order and with the care that `nexgent serve` takes."""
    import gc  # noqa: PLC0415 -- nothing is imported that a fork without it would not have

    from nexgent.cli.main import build_parser  # noqa: PLC0415 -- the other side of this module needs none of it
    from tests import forked_worker  # noqa: F401, PLC0415 -- the same

    for command in ("serve", "worker", "sandbox", "verify", "demo"):
        build_parser(command)
    gc.freeze()


def _become(request: Mapping[str, Any]) -> None:
    """Run what was asked for as if this process had been started for it."""
    os.chdir(request["cwd"])
    if request["arguments"][1:2] in (["serve"], ["demo"]):
        from tests import forked_worker  # noqa: PLC0415 -- the other side of this module needs none of it

        request = forked_worker.prepare() or request
    os.environ.clear()
    os.environ.update(request["env"])
    more = request["env"].get("PYTHONPATH", "")
    sys.path[:1] = [request["cwd"], *filter(None, more.split(os.pathsep))]
    sys.argv[1:] = request["arguments"][1:]
    time.tzset()
    _open_streams()
    runpy.run_module(request["arguments"][0], run_name="__main__", alter_sys=True)


def _open_streams() -> None:
    """Open what is read and printed as the interpreter does at its start: a pipe is not what a file was taken for."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        stream = io.TextIOWrapper(
            open(number, "rb" if number == 0 else "wb", closefd=False),  # noqa: SIM115 -- by its number, for good
            encoding=before.encoding,
            errors=before.errors,
            line_buffering=number == 2 or os.isatty(number),
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _end_as(request: Mapping[str, Any]) -> None:
    """Run what was asked for and end as the interpreter does, but for taking everything apart: 0.15 s for nothing."""
    code: object = 0
    try:
        _become(request)
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the interpreter does
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    _import_all()
    given = socket.socket(fileno=int(sys.argv[1]))
    _end_as(_serve(_fork_for_each_process(given, int(sys.argv[2])) if sys.argv[2:] else given))
