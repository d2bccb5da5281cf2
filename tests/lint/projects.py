"""Small projects, broken ones beside the nearest that are sound.

`<< LKD401` at the end of a line is a finding there that is more than possible, `<? LKD415` one that is possible. They
are no part of the file. In a project without `<<` nothing may be more than possible.
"""

import re
from pathlib import Path
from textwrap import dedent

Project = dict[str, str]
_MARK = re.compile(r"[ ]*<([<?]) (LKD\d{3}(?: LKD\d{3})*)$", re.MULTILINE)
Expected = set[tuple[str, int, str]]


def written(project: Project, folder: Path) -> tuple[Expected, Expected]:
    """Writes the files; the findings that are marked in them: those above possible, and the possible ones."""
    sure, possible = set(), set()
    for name, text in project.items():
        lines = dedent(text).lstrip("\n").splitlines()
        for number, line in enumerate(lines):
            for kind, codes in _MARK.findall(line):
                (sure if kind == "<" else possible).update((name, number + 1, code) for code in codes.split())
            lines[number] = _MARK.sub("", line)
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
    return sure, possible


AGENT = """
    from livekit.agents import Agent, AgentSession, JobContext, WorkerOptions, cli

    async def entrypoint(ctx: JobContext):
        await ctx.connect()
        session = AgentSession()
        await session.start(agent=Agent(instructions="Be kind."), room=ctx.room)

    if __name__ == "__main__":
        cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, agent_name="sales"))
"""
CALLER = """
    import { AgentDispatchClient, RoomServiceClient, SipClient } from "livekit-server-sdk";

    const url = process.env.LIVEKIT_URL!;
    const rooms = new RoomServiceClient(url);
    const sip = new SipClient(url);
    const agents = new AgentDispatchClient(url);

    export async function call(trunk: string, phone: string, id: string) {
      const room = `call-${id}`;
      await rooms.createRoom({ name: room });
      await agents.createDispatch(room, "sales");
      await sip.createSipParticipant(trunk, phone, room, { waitUntilAnswered: true });
    }
"""


def caller(*changes: tuple[str, str]) -> str:
    """The sound caller, with something else in it."""
    text = CALLER
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


PROJECTS: dict[str, Project] = {
    "sound: dispatched under its name": {"agent.py": AGENT, "call.ts": CALLER},
    "never dispatched": {
        "agent.py": AGENT.replace('agent_name="sales"))', 'agent_name="sales"))  << LKD401'),
        "call.ts": caller(('      await agents.createDispatch(room, "sales");\n', "")),
    },
    "sound: no name, so the automatic dispatch finds it": {
        "agent.py": AGENT.replace(', agent_name="sales"', ""),
        "call.ts": caller(('      await agents.createDispatch(room, "sales");\n', "")),
    },
    "sound: a worker alone": {"agent.py": AGENT},
    "sound: named by agents of the room": {
        "agent.py": AGENT,
        "call.py": """
            from livekit import api

            async def place(lk: api.LiveKitAPI, number: str, trunk: str, call_id: str) -> None:
                room = "out-" + call_id
                config = [api.RoomAgentDispatch(agent_name="sales", metadata=call_id)]
                await lk.room.create_room(api.CreateRoomRequest(name=room, agents=config, empty_timeout=60))
                await lk.sip.create_sip_participant(
                    api.CreateSIPParticipantRequest(
                        sip_trunk_id=trunk, sip_call_to=number, room_name=room, wait_until_answered=True
                    )
                )
        """,
    },
    "near miss, through a constant of another file": {
        "worker/agent.py": """
            from livekit.agents import AgentServer, AgentSession, Agent, JobContext, cli
            from worker.names import AGENT

            server = AgentServer()

            @server.rtc_session(agent_name=AGENT)
            async def entrypoint(ctx: JobContext) -> None:
                await AgentSession().start(agent=Agent(instructions=""), room=ctx.room)

            cli.run_app(server)
        """,
        "worker/names.py": """
            AGENT = "Outbound Caller"
        """,
        "web/src/config.ts": """
            export const AGENT_NAME = process.env.NOT_SET_HERE ? "Outbound caller" : "Outbound caller";
        """,
        "web/src/call.ts": """
            import { AgentDispatchClient } from "livekit-server-sdk";
            import { AGENT_NAME } from "./config";

            export const dispatch = async (room: string) => {
              const client = new AgentDispatchClient(process.env.LIVEKIT_URL!);
              return client.createDispatch(room, AGENT_NAME, { metadata: "{}" });  << LKD102
            };
        """,
    },
    "sound: the same name, through a constant of another file": {
        "worker/agent.py": """
            import config
            from livekit.agents import AgentServer, AgentSession, Agent, JobContext, cli

            server = AgentServer()

            @server.rtc_session(agent_name=config.AGENT)
            async def entrypoint(ctx: JobContext) -> None:
                await AgentSession().start(agent=Agent(instructions=""), room=ctx.room)

            cli.run_app(server)
        """,
        "worker/config.py": """
            import os

            AGENT = os.getenv("AGENT_NAME", "outbound")
        """,
        "api/names.ts": """
            export default { agent: "outbound" } as const;
        """,
        "api/call.ts": """
            import names from "./names";
            import { AgentDispatchClient, RoomServiceClient } from "livekit-server-sdk";

            export async function POST(req: Request) {
              const { id } = await req.json();
              const name = `call-${id}`;
              await new RoomServiceClient(process.env.URL!).createRoom({ name });
              await new AgentDispatchClient(process.env.URL!).createDispatch(name, names.agent);
            }
        """,
    },
    "a name with a trailing space, in Python": {
        "agent.py": AGENT,
        "call.py": """
            from livekit import api

            AGENT = "sales "

            async def place(room_name: str):
                async with api.LiveKitAPI() as lkapi:
                    await lkapi.agent_dispatch.create_dispatch(  << LKD102
                        api.CreateAgentDispatchRequest(agent_name=AGENT, room=room_name)
                    )
        """,
    },
    "sound: names that the environment gives to both": {
        "agent.py": AGENT.replace('agent_name="sales"', 'agent_name=os.environ["AGENT_NAME"]').replace(
            "from livekit", "import os\n    from livekit"
        ),
        "call.ts": caller(('"sales"', 'Deno.env.get("AGENT_NAME")!')),
    },
    "sound: two projects side by side, two names": {
        "one/agent.py": AGENT,
        "one/call.ts": CALLER,
        "two/agent.py": AGENT.replace('"sales"', '"support"'),
        "two/call.ts": caller(('"sales"', '"support"')),
    },
    "sound: dispatched over HTTP, through a helper": {
        "agent.py": AGENT,
        "functions/call/index.ts": """
            const base = Deno.env.get("LIVEKIT_URL")!.replace("wss://", "https://");

            async function twirp(service: string, method: string, body: Record<string, unknown>) {
              const answer = await fetch(`${base}/twirp/livekit.${service}/${method}`, {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify(body),
              });
              if (!answer.ok) throw new Error(await answer.text());
              return await answer.json();
            }

            Deno.serve(async (req) => {
              const { id, phone } = await req.json();
              const room = `call-${id}`;
              await twirp("RoomService", "CreateRoom", { name: room });
              await twirp("AgentDispatchService", "CreateDispatch", { room, agent_name: "sales" });
              await twirp("SIP", "CreateSIPParticipant", { sip_trunk_id: "ST_x", sip_call_to: phone, room_name: room });
              return new Response("ok");
            });
        """,
    },
    "another room by HTTP": {
        "agent.py": AGENT,
        "functions/call/index.ts": """
            const base = Deno.env.get("LIVEKIT_URL")!;
            const post = (what: string, body: object) =>
              fetch(`${base}/twirp/livekit.${what}`, { method: "POST", body: JSON.stringify(body) });

            Deno.serve(async (req) => {
              const { id, phone } = await req.json();
              await post("AgentDispatchService/CreateDispatch", { room: `call_${id}`, agent_name: "sales" });  << LKD409
              await post("SIP/CreateSIPParticipant", { sip_call_to: phone, room_name: `call-${id}` });
              return new Response("ok");
            });
        """,
    },
    "agents for a room that the phone has made": {
        "agent.py": AGENT,
        "call.py": """
            from livekit.api import CreateRoomRequest, CreateSIPParticipantRequest, LiveKitAPI, RoomAgentDispatch

            async def dial(lkapi: LiveKitAPI, trunk: str, number: str, room: str) -> None:
                await lkapi.sip.create_sip_participant(
                    CreateSIPParticipantRequest(sip_trunk_id=trunk, sip_call_to=number, room_name=room)
                )

            async def place(trunk: str, number: str, call_id: str) -> None:
                lkapi = LiveKitAPI()
                room = f"call-{call_id}"
                await dial(lkapi, trunk, number, room)
                agents = [RoomAgentDispatch(agent_name="sales")]
                await lkapi.room.create_room(CreateRoomRequest(name=room, agents=agents))  << LKD412
        """,
    },
    "agents and CreateDispatch": {
        "agent.py": AGENT,
        "call.ts": caller(
            ("{ name: room }", '{ name: room, agents: [{ agentName: "sales" }] }'),
            ('"sales");', '"sales");  << LKD410'),
        ),
    },
    "sound: agents or CreateDispatch, as asked": {
        "agent.py": AGENT,
        "call.ts": caller(
            ("      await rooms.createRoom({ name: room });\n", ""),
            (
                '      await agents.createDispatch(room, "sales");\n',
                """
      if (process.env.EXPLICIT) {
        await rooms.createRoom({ name: room });
        await agents.createDispatch(room, "sales");
      } else {
        await rooms.createRoom({ name: room, agents: [{ agentName: "sales" }] });
      }
""",
            ),
        ),
    },
    "sound: an early return between two ways": {
        "agent.py": AGENT,
        "call.py": """
            from livekit import api

            async def place(lk, room: str, explicit: bool):
                if explicit:
                    await lk.room.create_room(api.CreateRoomRequest(name=room))
                    await lk.agent_dispatch.create_dispatch(
                        api.CreateAgentDispatchRequest(room=room, agent_name="sales")
                    )
                    return
                await lk.room.create_room(
                    api.CreateRoomRequest(name=room, agents=[api.RoomAgentDispatch(agent_name="sales")])
                )
        """,
    },
    "a second time stamp": {
        "agent.py": AGENT,
        "call.ts": caller(
            (
                "const room = `call-${id}`;",
                "const name = () => `call-${id}-${Date.now()}`;\n      const room = name();",
            ),
            ('createDispatch(room, "sales");', 'createDispatch(name(), "sales");  << LKD409'),
        ),
    },
    "a further part in the phone's room": {
        "agent.py": AGENT,
        "call.ts": caller(
            ("const room = `call-${id}`;", "const room = `call-${id}`;\n      const other = `${room}-${Date.now()}`;"),
            ('createDispatch(room, "sales");', 'createDispatch(room, "sales");  << LKD409'),
            ("createSipParticipant(trunk, phone, room,", "createSipParticipant(trunk, phone, other,"),
        ),
    },
    "another prefix": {
        "agent.py": AGENT,
        "call.py": """
            from livekit import api

            def room_of(call_id: str) -> str:
                return f"outbound-{call_id}"

            class Calls:
                def __init__(self) -> None:
                    self.lk = api.LiveKitAPI()

                async def place(self, call_id: str, number: str) -> None:
                    await self.dispatch(f"call-{call_id}")
                    request = api.CreateSIPParticipantRequest(room_name=room_of(call_id), sip_call_to=number)
                    await self.lk.sip.create_sip_participant(request)

                async def dispatch(self, room: str) -> None:
                    await self.lk.agent_dispatch.create_dispatch(  << LKD409
                        api.CreateAgentDispatchRequest(room=room, agent_name="sales")
                    )
        """,
    },
    "arguments in another order": {
        "agent.py": AGENT,
        "call.ts": caller(
            (
                "sip.createSipParticipant(trunk, phone, room, { waitUntilAnswered: true });",
                "sip.createSipParticipant(phone, trunk, room, { waitUntilAnswered: true });  << LKD705",
            ),
        ),
    },
    "room and agent in another order": {
        "agent.py": AGENT,
        "call.ts": caller(
            ('agents.createDispatch(room, "sales");', "agents.createDispatch(agentName, room);  << LKD705"),
            ("id: string) {", "id: string, agentName: string) {"),
        ),
    },
    "not awaited": {
        "agent.py": AGENT,
        "call.ts": caller(
            (
                '      await agents.createDispatch(room, "sales");',
                '      agents.createDispatch(room, "sales");  << LKD706',
            )
        ),
        "other.py": """
            from livekit import api

            async def place(lk: api.LiveKitAPI, room: str):
                lk.agent_dispatch.create_dispatch(  << LKD706
                    api.CreateAgentDispatchRequest(agent_name="sales", room=room)
                )
        """,
    },
    "sound: awaited together, or kept": {
        "agent.py": AGENT,
        "call.ts": caller(
            (
                '      await agents.createDispatch(room, "sales");\n',
                """
      const dispatched = agents.createDispatch(room, "sales");
      await Promise.all([dispatched, agents.listDispatch(room)]);
""",
            ),
        ),
        "other.py": """
            import asyncio
            from livekit import api

            async def place(lk: api.LiveKitAPI, room: str):
                task = asyncio.create_task(
                    lk.agent_dispatch.create_dispatch(api.CreateAgentDispatchRequest(agent_name="sales", room=room))
                )
                await task
        """,
    },
    "the return taken for the answer": {
        "agent.py": AGENT,
        "call.ts": caller(
            (
                "      await sip.createSipParticipant(trunk, phone, room, { waitUntilAnswered: true });",
                """
      await sip.createSipParticipant(trunk, phone, room, { participantIdentity: "callee" });  << LKD707
      await log(id, "call_answered", room);
""",
            ),
            (
                "    export async",
                """
    async function log(callId: string, state: string, room: string) {
      await supabase.from("call_state_logs").insert({ call_id: callId, source: "api", state, metadata: { room } });
    }

    export async""",
            ),
        ),
    },
    "sound: it waits for the answer": {
        "agent.py": AGENT,
        "call.py": """
            from livekit import api

            async def log(db, call_id: str, state: str, room: str) -> None:
                await db.execute(
                    "INSERT INTO call_state_logs (call_id, source, state, room) VALUES ($1, 'api', $2, $3)",
                    call_id, state, room,
                )

            async def place(lk, db, call_id: str, number: str):
                room = f"call-{call_id}"
                await lk.agent_dispatch.create_dispatch(api.CreateAgentDispatchRequest(room=room, agent_name="sales"))
                await log(db, call_id, "agent_dispatched", room)
                try:
                    await lk.sip.create_sip_participant(
                        api.CreateSIPParticipantRequest(
                            room_name=room, sip_call_to=number, sip_trunk_id="ST_abc", wait_until_answered=True
                        )
                    )
                except api.TwirpError as error:
                    await log(db, call_id, "call_failed", room)
                    raise
                await log(db, call_id, "call_answered", room)
        """,
    },
    "numbers as people write them": {
        "agent.py": AGENT,
        "call.py": """
            from livekit import api

            CALLEE = "(555) 555-0123"  << LKD708

            async def place(lk, room: str):
                await lk.agent_dispatch.create_dispatch(api.CreateAgentDispatchRequest(room=room, agent_name="sales"))
                await lk.sip.create_sip_participant(
                    api.CreateSIPParticipantRequest(room_name=room, sip_call_to=CALLEE, sip_trunk_id="ST_abc")
                )
        """,
    },
    "sound: E.164, and an extension": {
        "agent.py": AGENT,
        "call.py": """
            from livekit import api

            async def place(lk, room: str):
                await lk.agent_dispatch.create_dispatch(api.CreateAgentDispatchRequest(room=room, agent_name="sales"))
                for number in ("+15555550123", "100"):
                    await lk.sip.create_sip_participant(
                        api.CreateSIPParticipantRequest(room_name=room, sip_call_to="+15555550123")
                    )
                    await lk.sip.create_sip_participant(
                        api.CreateSIPParticipantRequest(room_name=room, sip_call_to="100")
                    )
        """,
    },
    "an entrypoint that never connects, and blocks": {
        "agent.py": """
            import time
            import requests
            from livekit.agents import JobContext, WorkerOptions, cli

            async def entrypoint(ctx: JobContext):  << LKD415
                time.sleep(2)  << LKD702
                user = requests.get(f"https://example.com/{ctx.job.metadata}").json()  << LKD702
                print(user)

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
        """,
    },
    "an entrypoint that does not connect on one way": {
        "agent.py": """
            import json
            from livekit.agents import JobContext, WorkerOptions, cli

            async def entrypoint(ctx: JobContext):
                told = json.loads(ctx.job.metadata or "{}")
                if "phone" not in told:
                    print("no phone")
                    return  <? LKD415
                await ctx.connect()

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
        """,
    },
    "sound: it connects in a helper, and blocks in a thread": {
        "agent.py": """
            import asyncio
            import time
            import requests
            from livekit.agents import AgentSession, Agent, JobContext, JobProcess, WorkerOptions, cli

            def prewarm(proc: JobProcess):
                time.sleep(1)
                proc.userdata["config"] = requests.get("https://example.com").json()

            async def start(ctx: JobContext):
                for attempt in range(3):
                    try:
                        await ctx.connect()
                        break
                    except Exception:
                        await asyncio.sleep(1)

            async def entrypoint(ctx: JobContext):
                user = await asyncio.to_thread(requests.get, "https://example.com")
                if not user.ok:
                    ctx.shutdown("no user")
                    return
                await start(ctx)

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, prewarm_fnc=prewarm))
        """,
    },
    "prewarm, set on the server": {
        "agent.py": """
            from livekit.agents import AgentServer, AgentSession, Agent, JobContext, JobProcess, cli

            server = AgentServer()

            async def warm(proc: JobProcess):  << LKD701
                proc.userdata["vad"] = None

            server.setup_fnc = warm

            @server.rtc_session()
            async def entrypoint(ctx: JobContext):
                await ctx.connect()

            cli.run_app(server)
        """,
    },
    "job requests that are not accepted": {
        "agent.py": """
            from livekit.agents import JobContext, JobRequest, WorkerOptions, cli

            async def asked(request: JobRequest):  << LKD404
                print("asked for", request.room.name)

            async def entrypoint(ctx: JobContext):
                await ctx.connect()

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, request_fnc=asked))
        """,
        "some.py": """
            from livekit.agents import JobContext, JobRequest, WorkerOptions, cli

            async def asked(request: JobRequest):
                if request.room.name.startswith("call-"):  <? LKD404
                    await request.accept(name="agent")

            async def entrypoint(ctx: JobContext):
                await ctx.connect()

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, request_fnc=asked))
        """,
    },
    "sound: job requests that are accepted or rejected": {
        "agent.py": """
            from livekit.agents import JobContext, JobRequest, WorkerOptions, cli

            async def asked(request: JobRequest) -> None:
                if not request.room.name.startswith("call-"):
                    await request.reject()
                    return
                await request.accept()

            async def entrypoint(ctx: JobContext):
                await ctx.connect()

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, request_fnc=asked))
        """,
    },
    "a worker in Node under another name": {
        "src/agent.ts": """
            import { cli, defineAgent, ServerOptions, voice, type JobContext, type JobProcess } from "@livekit/agents";
            import { fileURLToPath } from "node:url";

            export default defineAgent({
              prewarm: async (proc: JobProcess) => {
                proc.userData.vad = await load();
              },
              entry: async (ctx: JobContext) => {
                const session = new voice.AgentSession({});
                await session.start({ agent: new voice.Agent({ instructions: "" }), room: ctx.room });
                await ctx.connect();
              },
            });

            cli.runApp(new ServerOptions({ agent: fileURLToPath(import.meta.url), agentName: "outbound-agent" }));
        """,
        "src/call.ts": """
            import { AgentDispatchClient } from "livekit-server-sdk";

            const AGENT = "outbound_agent";

            export async function run(room: string) {
              const client = new AgentDispatchClient(process.env.LIVEKIT_URL ?? "");
              await client.createDispatch(room, AGENT);  << LKD102
            }
        """,
    },
    "a worker that Docker starts for development": {
        "agent.py": AGENT.replace(', agent_name="sales"', ""),
        "Dockerfile": """
            FROM python:3.12-slim
            COPY . .
            RUN pip install -r requirements.txt
            CMD ["python", "agent.py", "dev"]  << LKD703
        """,
        "k8s/agent.yaml": """
            apiVersion: apps/v1
            kind: Deployment
            spec:
              template:
                spec:
                  containers:
                    - name: agent  <? LKD704
                      image: agent
                      command: ["python", "agent.py"]
                      args: ["start"]
        """,
    },
    "the image of a compose service starts the worker, and has no time to end": {
        "agent.py": AGENT.replace(', agent_name="sales"', ""),
        "Dockerfile": """
            FROM python:3.12-slim
            COPY . .
            CMD ["python", "agent.py", "start"]
        """,
        "docker-compose.yml": """
            services:
              agent:  <? LKD704
                build: .
              api:
                build: .
                command: uvicorn api:app
        """,
    },
    "sound: started for production, with time to end": {
        "agent.py": AGENT.replace(', agent_name="sales"', ""),
        "Dockerfile": """
            FROM python:3.12-slim
            COPY . .
            CMD ["python", "agent.py", "start"]
        """,
        "Dockerfile.dev": """
            FROM python:3.12-slim
            CMD ["python", "agent.py", "dev"]
        """,
        "compose.yaml": """
            services:
              agent:
                build: .
                command: python agent.py start
                stop_grace_period: 30m
              web:
                image: node:22
                command: npm run dev
        """,
    },
    "the name in compose, dispatched with another case": {
        "agent.py": AGENT.replace(', agent_name="sales"', ""),
        "compose.yaml": """
            services:
              agent:
                command: python agent.py start
                stop_grace_period: 1h
                environment:
                  LIVEKIT_AGENT_NAME: Sales
        """,
        "call.ts": caller(('"sales");', '"sales");  <? LKD102')),
    },
    "trunks and rules in files": {
        "agent.py": AGENT,
        "outbound-trunk.json": """
            {
              "trunk": {
                "name": "carrier",
                "address": "sip:sip.example.com;transport=tcp",  << LKD202
                "numbers": ["+15555550100"]
              }
            }
        """,
        "inbound-trunk.json": """
            {
              "trunk": {  << LKD207
                "name": "in",
                "numbers": ["+15555550100"]
              }
            }
        """,
        "dispatch-rule.json": """
            {
              "dispatch_rule": {
                "rule": { "dispatchRuleIndividual": { "roomPrefix": "call-" } },
                "roomConfig": {
                  "agents": [{ "agentName": "Sales" }]  << LKD303
                }
              }
            }
        """,
    },
    "sound: trunks and rules in files": {
        "agent.py": AGENT,
        "outbound-trunk.json": """
            { "trunk": { "name": "carrier", "address": "sip.example.com", "numbers": ["+15555550100"] } }
        """,
        "inbound-trunk.json": """
            { "trunk": { "name": "in", "numbers": ["+15555550100"], "auth_username": "a", "auth_password": "b" } }
        """,
        "dispatch-rule.json": """
            {
              "rule": { "dispatchRuleIndividual": { "roomPrefix": "call-" } },
              "roomConfig": { "agents": [{ "agentName": "sales" }] }
            }
        """,
    },
    "a state that is misspelled": {
        "agent.py": """
            from livekit.agents import JobContext, WorkerOptions, cli

            STATES = {"in": "agent_entrypoint_called"}

            async def log(supabase, ctx, state, **more):
                row = {"call_id": ctx.job.metadata, "source": "agent", "state": state, "room": ctx.room.name}
                await supabase.table("call_state_logs").insert(row).execute()

            async def entrypoint(ctx: JobContext):
                await log(supabase, ctx, STATES["in"])
                await ctx.connect()
                await log(supabase, ctx, "agent_conected")  << LKD603
                await log(supabase, ctx, "counted_to_three")  <? LKD603

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
        """,
    },
    "sound: silenced by a comment": {
        "agent.py": """
            from livekit.agents import JobContext, WorkerOptions, cli

            async def prewarm(proc):  # livekit-doctor: ignore LKD701
                pass

            async def entrypoint(ctx: JobContext):
                await ctx.connect()

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, prewarm_fnc=prewarm))
        """,
    },
    "sound: the agent dials, and transfers": {
        "agent.py": """
            from livekit import api
            from livekit.agents import Agent, AgentSession, JobContext, WorkerOptions, cli
            from livekit.agents import function_tool, get_job_context

            class Caller(Agent):
                @function_tool
                async def transfer(self, context):
                    job = get_job_context()
                    await job.api.sip.create_sip_participant(
                        api.CreateSIPParticipantRequest(
                            room_name=job.room.name, sip_trunk_id=TRUNK, sip_call_to="+15555550199"
                        )
                    )

            async def entrypoint(ctx: JobContext):
                await ctx.connect()
                session = AgentSession()
                await session.start(agent=Caller(instructions=""), room=ctx.room)
                try:
                    await ctx.api.sip.create_sip_participant(
                        api.CreateSIPParticipantRequest(
                            room_name=ctx.room.name, sip_trunk_id=TRUNK, sip_call_to=ctx.job.metadata,
                            wait_until_answered=True,
                        )
                    )
                except api.TwirpError:
                    ctx.shutdown()
                    return
                await session.generate_reply()

            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, agent_name="dialer"))
        """,
    },
}
