#!/usr/bin/env bash
# Deploys where an outbound call works, and nowhere else:
#
#     examples/predeploy.sh ./deploy.sh --to production
#
# `livekit-doctor check --strict`, then `livekit-doctor probe`, then the command that is given. Reads what
# livekit-doctor reads: checks.yaml, LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, CALL_LOGS_DATABASE_URL.
#
# Exit status: that of the deploy; without a deploy 1 a call would not work, 2 the set-up of this pipeline
# is wrong, 3 it could not be decided. What is well is not asked twice, what is not is not asked until it is.
#
#     REPORTS    the folder for the JUnit files (reports)
#     TRIES      how often what could not be decided is tried (3)
#     PAUSE      seconds between two tries (20)
#     COUNT      dispatches of the probe (5)
#     MAX_P95    seconds that the slowest 5 % of the joins may take (10)
set -euo pipefail

if (($# == 0)); then
  echo "usage: $0 DEPLOY_COMMAND [ARGUMENT ...]" >&2
  exit 2
fi
reports="${REPORTS:-reports}"
tries="${TRIES:-3}"
pause="${PAUSE:-20}"
mkdir -p -- "$reports"

# gate NAME ARGUMENT...: goes on where livekit-doctor's exit status is 0, and ends the script elsewhere.
gate() {
  local name="$1" try status
  shift
  for ((try = 1; ; try++)); do
    status=0
    livekit-doctor "$@" --format console --output "$reports/$name.xml" || status=$?
    case "$status" in
      0) return ;;
      1) echo "not deployed: $name says that a call would not work; the fix is above" >&2 ;;
      2) echo "not deployed: $name could not start; mend this pipeline's settings or secrets" >&2 ;;
      3)
        if ((try < tries)); then
          echo "$name could not be decided (try $try of $tries); again in $pause s" >&2
          sleep "$pause"
          continue
        fi
        echo "not deployed: $name could not be decided in $tries tries" >&2
        ;;
      *) echo "not deployed: $name ended with status $status" >&2 ;;
    esac
    exit "$status"
  done
}

gate check check --strict
gate probe probe --count "${COUNT:-5}" --max-p95 "${MAX_P95:-10}"
exec "$@"
