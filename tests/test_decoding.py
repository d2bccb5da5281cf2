"""Data is read into types in several threads at once, as a program does that uses the Python API."""

import subprocess
import sys

import pytest

from tests.cli.command_line import CLEAN, PATIENCE

RACE = """
import os, sys, threading
from livekit_doctor import catalogue
from livekit_doctor.catalogue.sip_statuses import sip_status

CODES = catalogue.codes()

def page(number):
    assert catalogue.get(CODES[number]).code == CODES[number]

def page_and_status(number):
    page(number) if number % 2 else sip_status(486)

def race():
    sys.setswitchinterval(1e-6)
    start = threading.Barrier(8)
    failed = []
    def run(number):
        start.wait()
        try:
            WHAT(number)
        except BaseException as error:
            failed.append(error)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(1 if failed else 0)

# Each process has one first time.
ended = []
for _ in range(30):
    child = os.fork()
    if child == 0:
        race()
    ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(*sorted(set(ended)))
"""


@pytest.mark.parametrize("what", ["page", "page_and_status"])
def test_the_first_time_in_several_threads(what: str) -> None:
    command = [sys.executable, "-c", RACE.replace("WHAT", what)]
    ran = subprocess.run(command, env=CLEAN, capture_output=True, text=True, timeout=PATIENCE)
    assert (ran.stdout, ran.returncode) == ("0\n", 0), ran.stderr
