# SPDX-License-Identifier: Apache-2.0
"""Programs that the lab runs."""

import signal
import subprocess
import time


class OvnError(Exception):
    """Something of the lab does not do what it should."""


def run(*command, env=None):
    """Runs a program to its end.  Returns what it prints."""
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=120, check=False,
                              universal_newlines=True)
    except subprocess.TimeoutExpired as error:
        raise OvnError("%s: still running" % " ".join(command)) from error
    if done.returncode:
        raise OvnError("%s: %s" % (" ".join(command),
                                   (done.stderr or done.stdout).strip()))
    return done.stdout


def spawn(command, log, **options):
    """Starts a program that stays our child, with none of our files."""
    with open(log, "ab") as output:
        options = {"stdin": subprocess.DEVNULL, "stdout": output,
                   "stderr": output, **options}
        return subprocess.Popen(command, **options)


def end(process, number=signal.SIGTERM):
    """Ends 'process' with signal 'number', for certain."""
    process.send_signal(number)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(condition, what, seconds=60):
    """Waits until condition() is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise OvnError("not within %d s: %s" % (seconds, what))
        time.sleep(.05)
