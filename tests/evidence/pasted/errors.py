"""Errors of the API as the SDKs really print them: a server that answers as recorded is asked."""

import asyncio
import traceback
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from livekit import api

from tests.recordings import dialled


def raised_by_dialling(recording: str) -> Exception:
    """What livekit-api raises where CreateSIPParticipant is answered as in this recording."""
    answer = dialled(recording)
    return raised(answer.status, answer.response)


def raised(status: int, body: Mapping[str, Any] | str) -> Exception:
    return asyncio.run(_raised(status, body))


def in_traceback(error: Exception) -> str:
    return "".join(traceback.format_exception(error))


async def _raised(status: int, body: Mapping[str, Any] | str) -> Exception:
    async def answer(_: web.Request) -> web.Response:
        return (
            web.Response(status=status, text=body) if isinstance(body, str) else web.json_response(body, status=status)
        )

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _, port = runner.addresses[0][:2]
    try:
        async with api.LiveKitAPI(f"http://127.0.0.1:{port}", "APIsample", "s" * 40) as lk:
            await lk.sip.create_sip_participant(
                api.CreateSIPParticipantRequest(
                    room_name="r", sip_trunk_id="ST_1", sip_call_to="+15555550123", wait_until_answered=True
                )
            )
    except api.ServerError as error:
        return error
    finally:
        await runner.cleanup()
    raise AssertionError("the request succeeded")
