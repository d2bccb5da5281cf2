"""Every named time and tolerance of the diagnosis, with where it comes from. What a team may set is not here but in
its settings: the allowances of the steps (`flow.allowances`) and `call_logs.clock_tolerance`.

"Fact" is a fact of the design: measured on livekit-server 1.13.5, livekit-sip 1.11.0 and livekit-agents 1.8.9,
unless it says otherwise. What has no source is a margin of our own, and says what it is for.
"""

from datetime import timedelta

# Jobs and workers

JOB_LISTED_AFTER = timedelta(seconds=8)
"""Younger dispatches may have a job that ListDispatch does not show yet (fact 10: over 5 s)."""

AROUND_DISPATCH = (timedelta(seconds=-2), timedelta(seconds=15))
"""When a line without room or job may be about a dispatch: the server answers it 0 to 5 s later, and a request that
hangs is given up after 3 s a worker (fact 11)."""

CONNECTION_TRIES = timedelta(minutes=3)
"""livekit-agents gives up after 16 attempts to connect, 10 s apart at most (its max_retry)."""

WORKER_ANSWERS_WITHIN = timedelta(seconds=3)
"""The longest that the server waits for a worker's answer to a job request (fact 11)."""

ANSWERED_WITHIN = timedelta(seconds=10)
"""The server has given up a job request after that long: 3 s a worker, and it asks again (fact 11)."""

RESTARTED_WITHIN = timedelta(minutes=1)
"""A worker that registers no later than this after a dispatch was on its way when it was made, as in a deploy. Our
own margin."""

STARTED_TOGETHER = timedelta(seconds=10)
"""Workers that register in one log no further apart are several that were started together, not successors. Our own
margin."""

# Rooms and dispatches

CREATED_TOGETHER = timedelta(seconds=2)
"""A room made by CreateDispatch itself is no older than this at the dispatch. Our own margin (5 ms: fact 5)."""

CREATED_AT_ONCE = timedelta(milliseconds=200)
"""CreateRoom itself is logged when it has ended, a few milliseconds after the room was opened by it (fact 5)."""

PLACING = timedelta(minutes=2)
"""A dispatch into another room that is part of placing this call is made within this time. Our own margin."""

ZONES_APART = timedelta(minutes=15)
"""The zones of the world are so far apart, or a multiple of it (Nepal: +05:45)."""

OF_ANOTHER_DAY = timedelta(days=1)
"""What a person pasted and is dated this far from the call is another call's: no mistaken zone explains it."""

EMPTY_TIMEOUT = timedelta(seconds=300)
"""How long LiveKit keeps a room open that nobody joins, unless set otherwise (fact 18)."""

ROOM_LINGERS = timedelta(seconds=60)
"""A room closes some 20 s after its phone was refused, and its agent goes with it (fact 18)."""

ROOM_CLOSES_AFTER = timedelta(seconds=20)
"""After the last participant but agents left, unless set otherwise (fact 18)."""

ROOM_AFTER_ROWS = timedelta(minutes=1)
"""A room this much younger than the last row of a call is another call's room of the same name. Our own margin."""

# Agent and phone in the room

JOINS_NOT_WITHIN = timedelta(milliseconds=100)
"""An agent is not in the room so soon after its job began, or its entrypoint: signalling and ICE take longer, on one
machine too (lab, 1.13.5: 0.16 s from the signalling to the media)."""

MEDIA_TAKES = timedelta(seconds=10)
"""Media connects within 1 or 2 s of the joining, over TURN and TCP within a few more; libraries give up after 15 s."""

MEDIA_GIVEN_UP = timedelta(seconds=15)
"""How long the RTC libraries try to connect media, before they say that they gave up (livekit-agents 1.8.9)."""

SAID_TO_BE_SLOW = timedelta(seconds=10)
"""How long after its entrypoint was called an agent that has not connected is said to be slow (livekit-agents)."""

PHONE_ALONE = timedelta(seconds=10)
"""A callee whom the agent has said goodbye to hangs up within this time. Our own margin."""

JOB_ENDS_WITHIN = timedelta(seconds=15)
"""An agent whose dispatch was deleted is gone within this time: its worker gives the process 10 s to end
(livekit-agents 1.8.9, shutdown_process_timeout). Measured in the lab: 3.7 s."""

RETURNS_WITHIN = timedelta(seconds=3)
"""CreateSIPParticipant that does not wait for the answer (design fact 20: it returns at once)."""

LEAVES_WITHIN = timedelta(seconds=10)
"""A SIP participant that was refused is gone well before this (fact 22: 0.4 s)."""

TRANSFER_TAKES = timedelta(seconds=30)
"""How long LiveKit waits for a transfer, unless asked otherwise (livekit-server 1.13.5): an agent that does not wait
for it leaves by so much before the line that says it is done."""

FAILS_WITHIN = timedelta(seconds=5)
"""So soon after it was dialled a phone fails whose carrier is not found, or does not take the trunk's password. Our own
margin (design fact 31 has 3 s)."""

FEW_WAIT = timedelta(seconds=30)
"""Few listen to silence for so long: a doubt, where an agent is not known to have come. Our own margin."""

RINGS_FOR = timedelta(seconds=10)
"""Nobody lets a phone ring for less before a call counts as not answered (ringing_timeout is 30 s or more in LiveKit's
examples): a CANCEL that comes sooner is of somebody who gave the call up. Our own margin."""

NOBODY_WAITS = timedelta(seconds=45)
"""Nobody listens to silence for so long. A mailbox does, so that such a call is not known to be healthy, either. Our
own margin."""

MOMENT = timedelta(seconds=1)
"""Agent and phone that were together for no longer have not talked. Our own margin."""

AT_ONCE = timedelta(seconds=0.5)
"""No phone is answered so soon after it was dialled: the network takes longer to find it. Our own margin."""

SILENT_FOR = timedelta(seconds=15)
"""An agent that has published nothing for so long while the phone was on the line, until the call was over, is silent.
Our own margin: agents publish within a second."""

NO_GOODBYE = timedelta(seconds=2)
"""An agent that leaves so soon after the phone was answered has not said goodbye. Our own margin."""

FIRST_SOUND_WITHIN = timedelta(seconds=27)
MEDIA_FAILS_WITHIN = timedelta(seconds=35)
"""livekit-sip ends a call in which no sound has come from the phone 30 s after the answer, less a tenth (its source,
MediaPort.timeoutLoop: media_timeout_initial, 30 s). It looks every 15 s (media_timeout): so soon it also ends one of
which the sound stopped within the first 15."""

LEFT_ALONE = timedelta(seconds=3)
"""So long a phone is not alone, where nobody has said goodbye, but that its agent is missing. Our own margin."""

LOSS_SHOWS_WITHIN = timedelta(seconds=30)
"""A participant whose process died is taken out of the room within this time: ICE gives a connection up. Our own
margin."""

# Looks at a room

SECOND_LOOK = timedelta(seconds=3)
"""Two looks this far apart that agree are no glimpse of a call that is just ending or beginning. Our own margin."""

NOTHING_MISSED = timedelta(seconds=3)
"""Between looks no further apart nothing comes and goes: an agent, an answer, a hang-up. Our own margin."""

NOBODY_TALKED = timedelta(seconds=5)
"""Between looks no further apart than this nobody joins, talks and leaves again. Our own margin."""

# Clocks and logs

DATE_RESOLUTION = timedelta(seconds=1)
"""By how much a `Date` header may be early: it has whole seconds."""

ROW_WRITTEN_AFTER = timedelta(seconds=10)
"""An agent that has just connected may not have logged it yet. Our own margin."""

STILL_WRITTEN = timedelta(seconds=10)
"""A log that was read while it is written ends a little before now. Our own margin."""
