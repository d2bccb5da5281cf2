"""Small projects whose values lead through much, written as teams write them: see `projects`."""

FOLLOWED: dict[str, dict[str, str]] = {
    "sound: an environment by a schema, in a package of its own; dispatched in a list, by a class": {
        "packages/shared/package.json": """
            { "name": "@acme/shared", "main": "dist/index.js" }
        """,
        "packages/shared/src/env.ts": """
            import { z } from "zod";

            const schema = z.object({
              LIVEKIT_URL: z.string().url(),
              SIP_OUTBOUND_TRUNK_ID: z.string().startsWith("ST_"),
              AGENT_NAME: z.string().default("outbound-agent"),
            });

            export const env = schema.parse(process.env);
        """,
        "packages/shared/src/index.ts": """
            export * from "./env.js";
            export { roomNameFor } from "./rooms.js";
        """,
        "packages/shared/src/rooms.ts": """
            export const ROOM_PREFIX = "call-";
            export function roomNameFor(callId: string, prefix = ROOM_PREFIX) {
              return `${prefix}${callId}`;
            }
        """,
        "apps/worker/src/agent.ts": """
            import { type JobContext, ServerOptions, cli, defineAgent, voice } from "@livekit/agents";
            import { env } from "@acme/shared";
            import { fileURLToPath } from "node:url";

            export default defineAgent({
              entry: async (ctx: JobContext) => {
                const session = new voice.AgentSession({});
                await session.start({ agent: new voice.Agent({ instructions: "" }), room: ctx.room });
                await ctx.connect();
              },
            });

            cli.runApp(new ServerOptions({ agent: fileURLToPath(import.meta.url), agentName: env.AGENT_NAME }));
        """,
        "apps/api/src/livekit.service.ts": """
            import { AgentDispatchClient, RoomServiceClient, SipClient, TwirpError } from "livekit-server-sdk";
            import { env, roomNameFor } from "@acme/shared";

            export interface StartCall { callId: string; phone: string; metadata?: Record<string, unknown> }

            export class LiveKitService {
              private readonly rooms: RoomServiceClient;
              private readonly sip: SipClient;
              private readonly dispatches: AgentDispatchClient;

              constructor(private readonly config = env) {
                const { LIVEKIT_URL: url } = this.config;
                this.rooms = new RoomServiceClient(url);
                this.sip = new SipClient(url);
                this.dispatches = new AgentDispatchClient(url);
              }

              async start({ callId, phone, metadata = {} }: StartCall) {
                const room = roomNameFor(callId);
                const [, dispatch] = await Promise.all([
                  this.rooms.createRoom({ name: room, emptyTimeout: 10 * 60 }),
                  this.dispatches.createDispatch(room, this.config.AGENT_NAME, { metadata: JSON.stringify(metadata) }),
                ]);
                try {
                  const participant = await this.sip.createSipParticipant(
                    this.config.SIP_OUTBOUND_TRUNK_ID,
                    phone,
                    room,
                    { participantIdentity: `callee-${callId}`, waitUntilAnswered: true, ringingTimeout: 30 },
                  );
                  return { dispatchId: dispatch.id, participant };
                } catch (error) {
                  await this.rooms.deleteRoom(room).catch(() => undefined);
                  throw error instanceof TwirpError ? new Error(error.message) : error;
                }
              }
            }
        """,
        "apps/api/src/server.ts": """
            import express, { type Request, type Response, type NextFunction } from "express";
            import { randomUUID } from "node:crypto";
            import { LiveKitService } from "./livekit.service";

            const app = express();
            const livekit = new LiveKitService();
            app.use(express.json());

            const wrap = (fn: (req: Request, res: Response) => Promise<unknown>) =>
              (req: Request, res: Response, next: NextFunction) => fn(req, res).catch(next);

            app.post("/calls", wrap(async (req, res) => {
              const callId = randomUUID();
              res.json(await livekit.start({ callId, phone: req.body.phone }));
            }));

            app.listen(process.env.PORT ?? 3000);
        """,
    },
    "a room that is a property, options that are spread, a prewarm under another name": {
        "worker/warm.py": """
            from livekit.agents import JobProcess
            from livekit.plugins import silero

            async def warm_up(proc: JobProcess) -> None:  << LKD701
                proc.userdata["vad"] = silero.VAD.load()
        """,
        "worker/main.py": """
            import os
            from livekit.agents import Agent, AgentSession, JobContext, WorkerOptions, cli
            from worker.warm import warm_up as prewarm

            OPTIONS = dict(agent_name=os.getenv("AGENT", "dialer"))

            async def entrypoint(ctx: JobContext):
                await ctx.connect()
                await AgentSession().start(room=ctx.room, agent=Agent(instructions="x"))

            if __name__ == "__main__":
                opts = WorkerOptions(entrypoint_fnc=entrypoint, prewarm_fnc=prewarm, **OPTIONS)
                cli.run_app(opts)
        """,
        "caller/models.py": """
            from dataclasses import dataclass, field
            import uuid

            @dataclass
            class Call:
                phone: str
                id: str = field(default_factory=lambda: uuid.uuid4().hex)

                @property
                def room(self) -> str:
                    return f"call-{self.id}"
        """,
        "caller/client.py": """
            from livekit import api
            from .models import Call

            AGENT = "dialer"

            class Dialer:
                def __init__(self, trunk: str) -> None:
                    self.trunk = trunk

                async def place(self, call: Call) -> None:
                    async with api.LiveKitAPI() as lk:
                        await self._send_agent(lk, call)
                        await self._ring(lk, call)

                async def _send_agent(self, lk: api.LiveKitAPI, call: Call) -> None:
                    await lk.agent_dispatch.create_dispatch(  << LKD409
                        api.CreateAgentDispatchRequest(agent_name=AGENT, room=f"outbound-{call.id}")
                    )

                async def _ring(self, lk: api.LiveKitAPI, call: Call) -> None:
                    await lk.sip.create_sip_participant(
                        api.CreateSIPParticipantRequest(
                            sip_call_to=call.phone, room_name=call.room, wait_until_answered=True
                        )
                    )
        """,
    },
    "names handed on by the index of a folder, clients of a static getter": {
        "agent/src/main.ts": """
            import { WorkerOptions, cli, defineAgent, type JobContext, voice } from "@livekit/agents";
            import { fileURLToPath } from "node:url";
            import { WORKER } from "./constants.js";

            export default defineAgent({
              entry: async (ctx: JobContext) => {
                await ctx.connect();
                const session = new voice.AgentSession({});
                await session.start({ agent: new voice.Agent({ instructions: "" }), room: ctx.room });
              },
            });

            cli.runApp(new WorkerOptions({ agent: fileURLToPath(import.meta.url), agentName: WORKER.name }));
        """,
        "agent/src/constants.ts": """
            export const WORKER = { name: "lead-qualifier", version: "1.0" } as const;
        """,
        "web/src/server/livekit/names.ts": """
            const agents = Object.freeze({ qualifier: "lead_qualifier", closer: "lead-closer" });
            export { agents as agentNames };
        """,
        "web/src/server/livekit/index.ts": """
            export * from "./names";
            export { LiveKitClients } from "./clients";
        """,
        "web/src/server/livekit/clients.ts": """
            import { AgentDispatchClient, SipClient } from "livekit-server-sdk";

            export class LiveKitClients {
              static #instance?: LiveKitClients;
              readonly sip = new SipClient(process.env.LIVEKIT_URL!);
              readonly dispatch = new AgentDispatchClient(process.env.LIVEKIT_URL!);
              static get instance() {
                return (this.#instance ??= new LiveKitClients());
              }
            }
        """,
        "web/src/app/api/call/route.ts": """
            import { NextResponse } from "next/server";
            import { agentNames, LiveKitClients } from "@/server/livekit";

            export async function POST(req: Request) {
              const { phone, lead } = (await req.json()) as { phone: string; lead: string };
              const room = ["call", lead].join("-");
              const { sip, dispatch } = LiveKitClients.instance;
              await dispatch.createDispatch(room, agentNames.qualifier, { metadata: lead });  << LKD102
              sip.createSipParticipant(process.env.TRUNK_ID!, phone, room, { waitUntilAnswered: true });  << LKD706
              return NextResponse.json({ room }, { status: 202 });
            }
        """,
    },
    "options in a constant, a number in a configuration": {
        "worker/index.js": """
            const { cli, defineAgent, ServerOptions, voice } = require("@livekit/agents");

            const options = {
              agent: __filename,
              agentName: "collections-bot",  << LKD401
            };

            module.exports = defineAgent({
              entry: async (ctx) => {
                await ctx.connect();
                const session = new voice.AgentSession({});
                await session.start({ agent: new voice.Agent({ instructions: "collect" }), room: ctx.room });
              },
            });

            cli.runApp(new ServerOptions(options));
        """,
        "server/config.js": """
            module.exports = {
              livekit: { url: process.env.LIVEKIT_URL, trunk: process.env.SIP_TRUNK || "ST_abcdef" },
              escalation: "+1 (555) 555-0142",  << LKD708
            };
        """,
        "server/dialer.js": """
            const { SipClient, RoomServiceClient } = require("livekit-server-sdk");
            const config = require("./config");

            const sip = new SipClient(config.livekit.url);
            const rooms = new RoomServiceClient(config.livekit.url);

            async function dial(number, id, options = {}) {
              const name = `collect-${id}`;
              await rooms.createRoom({ name, emptyTimeout: 60 });
              return sip.createSipParticipant(config.livekit.trunk, number, name, { ...options });
            }

            exports.dial = dial;
            exports.escalate = (id) => dial(config.escalation, id);
        """,
    },
    "agents by a function, a request in pieces": {
        "agent.py": """
            from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

            server = AgentServer()

            @server.rtc_session(agent_name="intake")
            async def my_agent(ctx: JobContext):
                await AgentSession().start(agent=Agent(instructions=""), room=ctx.room)
                await ctx.connect()

            cli.run_app(server)
        """,
        "jobs/redial.py": """
            import asyncio
            import os

            from livekit import api

            ROOM = "redial-{}"

            def agents_for(reason: str, name: str = "intake") -> list[api.RoomAgentDispatch]:
                return [api.RoomAgentDispatch(agent_name=name, metadata=reason)]

            async def redial(number: str, reason: str) -> None:
                lk = api.LiveKitAPI()
                room = ROOM.format(number)
                try:
                    request = api.CreateSIPParticipantRequest()
                    request.sip_trunk_id = os.environ["SIP_TRUNK_ID"]
                    request.sip_call_to = number
                    request.room_name = room
                    request.wait_until_answered = True
                    await lk.sip.create_sip_participant(request)
                    await lk.room.create_room(api.CreateRoomRequest(name=room, agents=agents_for(reason)))  << LKD412
                finally:
                    await lk.aclose()

            asyncio.run(redial("+15555550123", "missed"))
        """,
    },
    "the entrypoint by its position, a blocking function, a helper that logs": {
        "app/agent.py": """
            import logging
            import time
            import requests
            from livekit import api
            from livekit.agents import Agent, AgentSession, JobContext, JobRequest, WorkerOptions, cli
            from app.db import write_state
            from app.settings import cfg

            log = logging.getLogger("agent")

            async def handle(req: JobRequest):  << LKD404
                log.info("job %s", req.id)
                if req.room.name.startswith("test"):
                    await req.reject()

            def profile(user: str) -> dict:
                return requests.get(f"http://localhost/users/{user}", timeout=5).json()  << LKD702

            async def entrypoint(ctx: JobContext):
                await ctx.connect()
                time.sleep(1)  << LKD702
                user = profile(ctx.job.metadata)
                session = AgentSession()
                await session.start(agent=Agent(instructions=user["prompt"]), room=ctx.room)
                info = await ctx.api.sip.create_sip_participant(  << LKD707
                    api.CreateSIPParticipantRequest(
                        room_name=ctx.room.name, sip_trunk_id=cfg.trunk, sip_call_to=user["phone"],
                        participant_identity="callee",
                    )
                )
                await write_state(ctx, state="call_answered", sid=info.sip_call_id)
                await session.generate_reply()

            if __name__ == "__main__":
                cli.run_app(WorkerOptions(entrypoint, request_fnc=handle, agent_name=cfg.agent))
        """,
        "app/settings.py": """
            import os
            from dataclasses import dataclass

            @dataclass(frozen=True)
            class Config:
                trunk: str = os.environ.get("TRUNK", "ST_x")
                agent: str = os.environ.get("AGENT_NAME", "caller")

            cfg = Config()
        """,
        "app/db.py": """
            import asyncpg
            from app.settings import cfg

            SQL = "INSERT INTO call_state_logs (call_id, source, state, metadata) VALUES ($1, $2, $3, $4)"

            async def write_state(ctx, *, state: str, **meta):
                pool = await asyncpg.create_pool()
                async with pool.acquire() as conn:
                    await conn.execute(SQL, ctx.job.metadata, "agent", state, {"room": ctx.room.name, **meta})
        """,
        "app/trigger.py": """
            from livekit import api
            from app.settings import cfg

            async def trigger(user: str):
                async with api.LiveKitAPI() as lk:
                    return await lk.agent_dispatch.create_dispatch(
                        api.CreateAgentDispatchRequest(agent_name=cfg.agent, room=f"u-{user}", metadata=user)
                    )
        """,
        "Dockerfile": """
            FROM python:3.12-slim
            ENTRYPOINT ["python", "-m", "app.agent"]
            CMD ["console"]  << LKD703
        """,
    },
    "a worker that npm starts for development, and one that a script of a shell does": {
        "src/agent.ts": """
            import { WorkerOptions, cli, defineAgent } from "@livekit/agents";
            import { fileURLToPath } from "node:url";

            export default defineAgent({ entry: async (ctx) => { await ctx.connect(); } });
            cli.runApp(new WorkerOptions({ agent: fileURLToPath(import.meta.url) }));
        """,
        "package.json": """
            {"name": "voice", "scripts": {"start": "node dist/agent.js start", "serve": "node dist/agent.js dev"}}
        """,
        "Dockerfile": """
            FROM node:22
            CMD ["npm", "run", "serve"]  << LKD703
        """,
        "sound.Dockerfile": """
            FROM node:22
            CMD ["npm", "start"]
        """,
        "deploy/Procfile": """
            agent: ./start.sh  << LKD703
            voice: pnpm start
        """,
        "deploy/start.sh": """
            #!/bin/sh
            set -e
            exec node dist/agent.js dev
        """,
    },
    "sound: a page whose text has a sign that the grammar does not know": {
        "agent.py": """
            from livekit.agents import AgentServer, AgentSession, JobContext, cli

            server = AgentServer()

            @server.rtc_session(agent_name="sales")
            async def entrypoint(ctx: JobContext):
                await AgentSession().start(room=ctx.room)

            cli.run_app(server)
        """,
        "app/page.tsx": """
            import { AgentDispatchClient } from "livekit-server-sdk";

            export default function Page({ room }: { room: string }) {
              const call = async () => new AgentDispatchClient("").createDispatch(room, "sales");
              return <button title="a & b" onClick={call}>Call & talk</button>;
            }
        """,
    },
    "a name that a dataclass makes by default": {
        "agent/config.py": """
            import os
            from dataclasses import dataclass, field

            @dataclass(frozen=True)
            class Config:
                agent_name: str = field(default_factory=lambda: os.getenv("AGENT_NAME", "billing-agent"))

            CONFIG = Config()
        """,
        "agent/main.py": """
            from livekit.agents import AgentServer, JobContext, cli
            from config import CONFIG

            server = AgentServer()

            @server.rtc_session(agent_name=CONFIG.agent_name)
            async def entrypoint(ctx: JobContext):
                await ctx.connect()

            cli.run_app(server)
        """,
        "web/dial.ts": """
            import { AgentDispatchClient } from 'livekit-server-sdk';

            export async function dial(room: string) {
              const agents = new AgentDispatchClient(process.env.URL!, process.env.KEY!, process.env.SECRET!);
              await agents.createDispatch(room, 'billing_agent');  <? LKD102
            }
        """,
    },
}
