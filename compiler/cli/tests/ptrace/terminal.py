"""A shell at a terminal, typed at; what it says is printed. Arguments: the words that start the
command which a shell outside starts as a job, and which is a shell itself."""
import os
import pty
import re
import select
import signal
import sys
import time

START = " ".join(sys.argv[1:])
SHELL = ["bash", "--norc", "--noprofile", "-i"]

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="$ ", TERM="dumb", LC_ALL="C")
    os.environ.pop("PROMPT_COMMAND", None)
    # What is started in the background by a shell without job control ignores these, and hands
    # that on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.execvp(SHELL[0], SHELL)

seen = b""


def until(pattern, what):
    """Reads up to a pattern, and says which lines of interest came."""
    global seen
    end = time.monotonic() + 30
    while not re.search(pattern, seen):
        ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
        try:
            more = os.read(fd, 4096) if ready else b""
        except OSError:
            more = b""
        if not more:
            print(f"{what}: not seen, but {seen!r}")
            os.kill(pid, signal.SIGKILL)
            sys.exit(1)
        seen += more
    seen = seen[re.search(pattern, seen).end():]
    print(what)


def line(text):
    os.write(fd, text.encode() + b"\n")


until(rb"\$ ", "a shell outside")
# A job that is stopped and continued from the keyboard.
line(START + " sh -c 'trap \"echo woken\" CONT; echo run\"\"ning; until [ x$w = xhello ]; do read w; done; echo got $w; exit 3'")
until(rb"running", "the job runs")
os.write(fd, b"\x1a")
until(rb"Stopped", "it is stopped from the keyboard")
line("jobs -l | grep -c Stop''ped")
until(rb"\n1\r", "the shell outside knows")
line("fg")
until(rb"woken", "it is told that it goes on")
line("hello")
until(rb"got hello", "it has the terminal again")
line("echo sta''tus $?")
until(rb"status 3\r", "its status is seen")
# One that is interrupted.
line(START + " sh -c 'echo run\"\"ning; exec sleep 100'")
until(rb"running", "a job runs")
os.write(fd, b"\x03")
line("echo sta''tus $?")
until(rb"status 130\r", "it is interrupted")
# One that is stopped by number, and killed.
line(START + " sleep 100 &")
line("wait_stopped() { until jobs -l | grep -q Stop''ped; do sleep 0.05; done; echo is stop''ped; }")
line("sleep 1; kill -STOP $!; wait_stopped; kill -CONT $!; kill -TERM $!; "
     "until wait $!; s=$?; [ $s = 143 ]; do sleep 0.1; done; echo sta''tus $s")
until(rb"is stopped", "one is stopped by number")
until(rb"status 143\r", "and continued, and ended")
# In a shell that is watched itself, jobs of its own.
line(START + " env PS1='inside> ' " + " ".join(SHELL))
until(rb"inside> ", "a shell inside")
line("sleep 100")
time.sleep(0.5)
os.write(fd, b"\x1a")
until(rb"Stopped", "its job is stopped")
line("bg; kill %1; wait %1; echo sta''tus $?")
until(rb"status 143\r", "it is continued, and ended")
line("cat")
time.sleep(0.3)
line("echoed")
until(rb"echoed\r\n(.*\r\n)*echoed", "its job reads the terminal")
os.write(fd, b"\x04")
line("exit 5")
line("echo sta''tus $?")
until(rb"status 5\r", "its status is seen outside")
line("exit")
os.waitpid(pid, 0)
