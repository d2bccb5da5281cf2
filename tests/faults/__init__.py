"""Faults between the tool and the lab's real servers: a declared list, a proxy that makes them, one judgement for all.

`python -m tests.faults` runs each fault with each command and writes the table in docs/reliability.md.
"""

from tests.faults import of_livekit, of_postgres, of_processes, of_worker
from tests.faults.declared import Fault

FAULTS: tuple[Fault, ...] = (*of_livekit.FAULTS, *of_postgres.FAULTS, *of_worker.FAULTS, *of_processes.FAULTS)
