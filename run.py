#!/usr/bin/env python3
"""Make the environment and run: `python3 run.py demo` or `python3 run.py test`.

Only the standard library is used, and only syntax that an old Python can read, so that it gets a
clear sentence instead of a traceback. Everything is installed into `.venv` beside this file; nothing
else is touched. A second call re-uses what is there.
"""

from __future__ import print_function

import contextlib
import hashlib
import os
import sys

NEEDED = (3, 11)
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
STATE = os.path.join(VENV, "run-state")  # what the environment was made of; written last
LOCK = os.path.join(ROOT, ".venv.lock")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
EXE = ".exe" if os.name == "nt" else ""
PYTHON = os.path.join(BIN, "python" + EXE)
UNFINISHED = "unfinished"
COMMANDS = """usage: python3 run.py COMMAND [ARGUMENTS]

  demo   compare a strategy under isolated and cross margin on a synthetic market
  test   run the test suite (arguments go to pytest)
  setup  only make the environment in .venv
"""


class Trouble(Exception):
    """Something the user has to mend; the message is one sentence and the cure."""


def main(arguments):
    """Run one command; return its exit code."""
    try:
        command = parse(arguments)
        if command is None:
            print(COMMANDS, end="")
            return 0
        check_version(sys.version_info, sys.executable)
        ensure_environment()
        return start(command, arguments[1:])
    except Trouble as trouble:
        print("run.py: %s" % trouble, file=sys.stderr)
        return 2
    except EnvironmentError as error:
        print("run.py: %s: mend that and run this again." % error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nrun.py: interrupted; the next call goes on from here.", file=sys.stderr)
        return 130


def parse(arguments):
    """Return the command asked for, None for help."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        return None
    if arguments[0] not in ("demo", "test", "setup"):
        raise Trouble("unknown command %r: use demo, test or setup." % str(arguments[0]))
    return arguments[0]


def check_version(version, executable):
    """Refuse a Python that is too old, in one sentence."""
    if tuple(version[:2]) < NEEDED:
        raise Trouble(
            "this project needs Python %d.%d or newer, and %s is Python %d.%d: install a newer one and start "
            "run.py with it, for example `python%d.%d run.py demo`."
            % (NEEDED + (executable or "this one",) + tuple(version[:2]) + NEEDED)
        )


# The environment


def ensure_environment():
    """Make or repair `.venv` unless it is what the settings ask for."""
    wanted = wanted_state()
    if is_ready(wanted):
        return
    with locked(LOCK):
        if not is_ready(wanted):  # another call may have finished it while this one waited
            build(wanted)


def wanted_state():
    """Return what the environment must be made of: a line for its Python and place, one for its packages."""
    base = [ROOT, "%d.%d" % tuple(sys.version_info[:2]), getattr(sys, "base_prefix", sys.prefix)]
    packages = []
    for name in ("setup.cfg", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as file:
            packages.append(file.read().replace(b"\r\n", b"\n"))
    return digest("\n".join(base).encode("utf-8")) + "\n" + digest(b"\0".join(packages))


def digest(content):
    """Return a short name for some bytes."""
    return hashlib.sha256(content).hexdigest()[:32]


def read_state():
    """Return what the environment says it was made of, None if it says nothing."""
    try:
        with open(STATE) as file:
            return file.read()
    except (IOError, OSError):
        return None


def write_state(state):
    """Write the state in one step, so that it is there whole or not at all."""
    with open(STATE + ".partial", "w") as file:
        file.write(state)
    os.replace(STATE + ".partial", STATE)


def is_ready(wanted):
    """Tell whether the environment is finished and made of what is wanted."""
    return read_state() == wanted and os.path.exists(PYTHON)


def can_keep(state, wanted):
    """Tell whether an environment of this state can be brought up to date in place."""
    if state == UNFINISHED:
        return False
    if state is not None and state.split("\n")[0] != wanted.split("\n")[0]:
        return False
    return works()


def works():
    """Tell whether the environment has a Python of this version with pip."""
    import subprocess

    test = "import pip, sys; sys.exit(sys.version_info[:2] != (%d, %d))" % tuple(sys.version_info[:2])
    try:
        return os.path.exists(PYTHON) and subprocess.call([PYTHON, "-I", "-c", test], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def build(wanted):
    """Create the environment if it cannot be kept, and install the project with its tools."""
    kept = can_keep(read_state(), wanted)
    if not kept:
        say("making the environment in .venv")
        create()
    write_state(UNFINISHED)  # a killed install leaves this, and the next call starts afresh
    say("installing the packages%s" % ("" if kept else " (once; a minute or two)"))
    install()
    write_state(wanted)
    say("ready")


def create():
    """Make `.venv` afresh, with what this Python has for it."""
    import subprocess

    def done(*command):
        return subprocess.call((sys.executable, "-m") + command, env=clean_environment(), stdout=sys.stderr) == 0

    made = False
    if has("venv") and has("ensurepip"):
        made = done("venv", "--clear", VENV)
    elif has("virtualenv"):
        made = done("virtualenv", "--quiet", "--clear", VENV)
    elif has("venv") and has("pip"):  # this Python's pip can install into an environment that has none
        made = done("venv", "--clear", "--without-pip", VENV)
        made = made and done("pip", "--python", PYTHON, "install", "-qq", "--disable-pip-version-check", "pip")
    if made:
        return
    version = "%d.%d" % tuple(sys.version_info[:2])
    raise Trouble(
        "%s cannot make a virtual environment: install its venv module (on Debian and Ubuntu `sudo apt install "
        "python%s-venv`, on Fedora `sudo dnf install python3-pip`) and run this again." % (sys.executable, version)
    )


def has(module):
    """Tell whether this Python has a module."""
    import importlib.util

    return importlib.util.find_spec(module) is not None


def install():
    """Install the project in place with all it needs."""
    import subprocess

    command = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--editable", ".[dev]"]
    if subprocess.call(command, cwd=ROOT, env=clean_environment(), stdout=sys.stderr) != 0:
        raise Trouble(
            "the packages could not be installed; what pip says is above. "
            "Mend that (often the network or the disk) and run this again."
        )
    say("compiling the kernels (once; half a minute)")
    compile_sources()


def compile_sources():
    """Compile what pip leaves as it is: our sources, and the kernels.

    Else the first run would, and where Python is not to keep bytecode every run would compile the sources again.
    """
    import subprocess

    ours = ["backtester", "data", "reports", "strategies"]
    for command in (["compileall", "-qq"] + ours, ["backtester.warmup"]):
        subprocess.call([PYTHON, "-m"] + command, cwd=ROOT, env=clean_environment(), stdout=sys.stderr)


def clean_environment():
    """Return the environment variables without those that send pip's work elsewhere."""
    unwanted = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    kept["PIP_USER"] = "0"
    return kept


@contextlib.contextmanager
def locked(path):
    """Hold a lock that dies with this process; wait if another call holds it."""
    with open(path, "a+") as file:
        if not try_lock(file):
            say("another call is making the environment; waiting for it")
            while not try_lock(file):
                import time

                time.sleep(0.2)
        yield


def try_lock(file):
    """Take the lock on an open file if it is free."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (IOError, OSError):
        return False
    return True


def say(text):
    """Tell on stderr what is going on, so that stdout stays that of the command."""
    print("run.py: %s ..." % text if text != "ready" else "run.py: ready", file=sys.stderr)
    sys.stderr.flush()


# The commands


def start(command, rest):
    """Run a command inside the environment; its exit code is ours."""
    if command == "setup":
        return 0
    os.environ.pop("PYTHONHOME", None)
    os.environ["VIRTUAL_ENV"] = VENV
    os.environ["PATH"] = BIN + os.pathsep + os.environ.get("PATH", "")
    if command == "test":
        os.chdir(ROOT)
        return replace_process([PYTHON, "-m", "pytest"] + parallel(rest) + rest)
    return replace_process([os.path.join(BIN, "backtester" + EXE), command] + rest)


def parallel(rest):
    """Return the arguments that spread the tests over the cores, slow ones too, unless the caller decides that."""
    own = ("-n", "--numprocesses", "--dist", "--pdb", "--trace", "--collect-only", "--co", "-p")
    return [] if any(argument.startswith(own) for argument in rest) else ["-n", "auto", "--dist", "worksteal"]


def replace_process(command):
    """Become the command (on Windows: run it), so that signals and exit codes pass through."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(command[0], command)
    import subprocess

    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
