"""Starts a program that dies with its parent. Run as a script by ``processes.start``, never imported.

A preexec function would do the same, but is unsafe in a process that has threads; this is a program of its own, which
asks the kernel for a signal on its parent's death and then turns into the program proper. Linux only; elsewhere the
program just starts. Usage: ``python tether.py PARENT_PID PROGRAM [ARGUMENT...]``.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Tie this process to its parent, then become the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != int(sys.argv[1]):
            sys.exit("the parent is gone already")
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
