"""A gate before a deploy: would an outbound call work, and did the calls that you name?

    python predeploy.py [--strict] [--read-only] [--call-logs FILE] [CALL_ID ...]

Reads checks.yaml, LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET as livekit-doctor does. Exits with 0 where a
deploy may go on, and else with the status that livekit-doctor itself would exit with.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from livekit_doctor import CheckRun, TraceRun, UserError, check, load_settings, trace


async def gate(arguments: argparse.Namespace) -> int:
    settings = load_settings(call_logs={"file": arguments.call_logs} if arguments.call_logs else None)
    checked = await check(settings=settings, strict=arguments.strict, read_only=arguments.read_only)
    report(checked)
    # One after the other, so that what is printed is in the order of the command line.
    traced = [await trace(call, settings=settings, read_only=arguments.read_only) for call in arguments.calls]
    for run in traced:
        report_call(run)
    if arguments.json:
        documents = [checked.to_dict(), *(run.to_dict() for run in traced)]
        arguments.json.write_text(json.dumps(documents, indent=2), "utf-8")
    return max([checked.exit_status, *(run.exit_status for run in traced)])


def report(run: CheckRun) -> None:
    for result in run.problems:
        print(f"{result.status}: {result.id} {result.code or ''} {run.mask(result.message)}")
        print(run.fix(result))
    print(f"check: {'ok' if run.ok else 'not ok'}, {len(run.results)} checks")


def report_call(run: TraceRun) -> None:
    print(f"{run.diagnosis.call_id}: {run.verdict}")
    for broken in run.diagnosis.broken:
        print(f"  broke at {broken.step}: {broken.code}, {broken.confidence}")
        for because in broken.because:
            print(f"    {because.source}: {run.mask(because.text)}")
        print(run.fix(broken))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", nargs="*", metavar="CALL_ID", help="calls that must be healthy")
    parser.add_argument("--strict", action="store_true", help="warnings fail too")
    parser.add_argument("--read-only", action="store_true", help="create nothing, not even a scratch room")
    parser.add_argument("--call-logs", metavar="FILE", help="an export in place of the database")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results")
    try:
        return asyncio.run(gate(parser.parse_args()))
    except UserError as error:
        print(f"{error.code} {error.message}\n  fix: {error.fix}", file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
