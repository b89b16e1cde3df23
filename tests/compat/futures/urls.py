"""Futures in which a question is sent and its stream is opened another way: methods, URLs, parameters, headers."""

from __future__ import annotations

from ..overlays import Edit, client, future, routes, utils
from .protocol import JOINED, OPENED, ROUTE

JOIN_ROUTE = """\
        @router.post("/queue/join", dependencies=[Depends(login_check)])
        async def queue_join(
            body: PredictBody,
            request: fastapi.Request,
            username: str = Depends(get_current_user),
        ):
"""
JOIN_URL = Edit("gradio/route_utils.py", '{API_PREFIX}/queue/join"', '{API_PREFIX}/queue/push"')
USER = '            config["username"] = user\n            if deep_link:\n                if'
HEARTBEAT = """\
            session_hash: str,
            request: fastapi.Request,
            background_tasks: BackgroundTasks,
            username: str = Depends(get_current_user),
        ):
"""
NO_STREAM = 'raise HTTPException(status_code=403, detail="no")\n'

URLS = [
    future(
        "the stream by POST",
        client(OPENED, '"POST", self.sse_url, json={"session_hash": session_hash},\n'),
        routes(
            ROUTE,
            ROUTE.replace(".get", ".post").replace("session_hash: str", "body: dict")
            + '            session_hash = body["session_hash"]\n',
        ),
        serves=True,
    ),
    future(
        "the stream at another path",
        utils('SSE_URL = "queue/data"', 'SSE_URL = "events"'),
        routes('router.get("/queue/data"', 'router.get("/events"'),
        serves=True,
    ),
    future(
        "the stream outside the prefix",
        client("utils.SSE_URL_V0 if self.protocol", "utils.SSE_URL_V0 if self.protocol"),
        client(
            "                    self.sse_url,\n                    params",
            '                    urllib.parse.urljoin(self.src, "stream"),\n                    params',
        ),
        routes('router.get("/queue/data"', 'app.get("/stream"'),
        serves=True,
    ),
    future(
        "the session in the path",
        client(OPENED, '"GET", f"{self.sse_url}/{session_hash}",\n'),
        routes('router.get("/queue/data"', 'router.get("/queue/data/{session_hash}"'),
        serves=True,
    ),
    future(
        "another query parameter",
        client(OPENED, OPENED.replace('{"session_hash"', '{"session"')),
        routes(ROUTE, ROUTE.replace("session_hash: str", "session: str") + "            session_hash = session\n"),
        serves=True,
    ),
    future(
        "one more query parameter",
        client(OPENED, OPENED.replace("{", '{"version": "4", ')),
        routes(ROUTE, ROUTE.replace("session_hash: str", "session_hash: str, version: str")),
        serves=True,
    ),
    future(
        "the session in a header",
        client(
            OPENED + "                    headers=self.headers,\n",
            '"GET", self.sse_url, headers={**self.headers, "x-session": session_hash},\n',
        ),
        routes(
            ROUTE,
            ROUTE.replace("            session_hash: str,\n", "")
            + '            session_hash = request.headers["x-session"]\n',
        ),
        serves=True,
    ),
    future(
        "the session in a cookie",
        client(
            OPENED + "                    headers=self.headers,\n                    cookies=self.cookies,\n",
            '"GET", self.sse_url, headers=self.headers, cookies={**self.cookies, "session": session_hash},\n',
        ),
        routes(
            ROUTE,
            ROUTE.replace("            session_hash: str,\n", "")
            + '            session_hash = request.cookies["session"]\n',
        ),
        serves=True,
    ),
    future(
        "the stream only for who accepts one",
        client(
            OPENED + "                    headers=self.headers,\n",
            OPENED + '                    headers={**self.headers, "accept": "text/event-stream"},\n',
        ),
        routes(
            ROUTE,
            f'{ROUTE}            if request.headers["accept"] != "text/event-stream":\n                {NO_STREAM}',
        ),
        serves=True,
    ),
    future(
        "the question sent to another path",
        utils('SSE_DATA_URL = "queue/join"', 'SSE_DATA_URL = "queue/push"'),
        routes('router.post("/queue/join"', 'router.post("/queue/push"'),
        JOIN_URL,
        serves=True,
    ),
    future(
        "the question sent by PUT",
        client("req = httpx.post(\n            self.sse_data_url", "req = httpx.put(\n            self.sse_data_url"),
        routes('router.post("/queue/join"', 'router.put("/queue/join"'),
        serves=True,
    ),
    future(
        "the question in an envelope",
        client(
            "json={**data, **hash_data},\n            headers=headers",
            'json={"event": {**data, **hash_data}},\n            headers=headers',
        ),
        routes(
            JOIN_ROUTE,
            JOIN_ROUTE.replace("body: PredictBody", "body: dict") + '            body = PredictBody(**body["event"])\n',
        ),
        serves=True,
    ),
    future(
        "another prefix",
        Edit("gradio/route_utils.py", 'API_PREFIX = "/gradio_api"', 'API_PREFIX = "/api/v7"'),
        serves=True,
    ),
    future(
        "config and info at other paths",
        utils('CONFIG_URL = "config"', 'CONFIG_URL = "app.json"'),
        utils('RAW_API_INFO_URL = "info?', 'RAW_API_INFO_URL = "describe?'),
        routes('@app.get("/config"', '@app.get("/app.json"'),
        routes('@router.get("/info"', '@router.get("/describe"'),
        serves=True,
    ),
    future(
        "info as a part of config",
        client("self._info = self._get_api_info()", 'self._info = self._read_api_info(self.config["info"])'),
        client(
            "    def _get_api_info(self):\n",
            "    def _read_api_info(self, info):\n        return info\n\n    def _get_api_info(self):\n",
        ),
        routes(
            '            return ORJSONResponse(content=config)\n\n        @app.get("/static',
            '            config["info"] = get_api_info(request, page=None, route_path="/config")\n            return ORJSONResponse(content=config)\n\n        @app.get("/static',
        ),
        serves=True,
    ),
    future(
        "a key in config that each question brings along",
        client(
            "headers = self.add_zero_gpu_headers(self.headers)",
            'headers = {**self.add_zero_gpu_headers(self.headers), "x-csrf": self.config["csrf"]}',
        ),
        routes(USER, '            config["csrf"] = "k-1"\n' + USER),
        routes(JOINED, f'{JOINED}            if request.headers.get("x-csrf") != "k-1":\n                {NO_STREAM}'),
        serves=True,
    ),
    future(
        "a cookie from config that each request brings along",
        routes(
            '            return ORJSONResponse(content=config)\n\n        @app.get("/static',
            '            return ORJSONResponse(content=config, headers={"set-cookie": "replica=b; Path=/"})\n\n        @app.get("/static',
        ),
        routes(JOINED, f'{JOINED}            if request.cookies.get("replica") != "b":\n                {NO_STREAM}'),
        routes(ROUTE, f'{ROUTE}            if request.cookies.get("replica") != "b":\n                {NO_STREAM}'),
        serves=True,
    ),
    future(
        "a session named by the server",
        client("self.session_hash = str(uuid.uuid4())\n\n", 'self.session_hash = self.config["session"]\n\n'),
        routes(USER, '            config["session"] = secrets.token_hex(8)\n' + USER),
        serves=True,
    ),
    future(
        "a session that the server names and checks",
        client("self.session_hash = str(uuid.uuid4())\n\n", 'self.session_hash = self.config["session"]\n\n'),
        routes(
            USER,
            '            config["session"] = secrets.token_hex(8)\n'
            '            app.sessions = {*getattr(app, "sessions", ()), config["session"]}\n' + USER,
        ),
        routes(JOINED, f"{JOINED}            if body.session_hash not in app.sessions:\n                {NO_STREAM}"),
        serves=True,
    ),
    future(
        "a heartbeat that the server waits for",
        Edit("gradio/blocks.py", "] = utils.connect_heartbeat(", "] = True or utils.connect_heartbeat("),
        routes(HEARTBEAT, f"{HEARTBEAT}            app.hearts = {{*getattr(app, 'hearts', ()), session_hash}}\n"),
        routes(
            JOINED,
            f"{JOINED}            for _ in range(20):\n"
            '                if body.session_hash in getattr(app, "hearts", ()):\n                    break\n'
            "                await asyncio.sleep(0.1)\n"
            f"            else:\n                {NO_STREAM}",
        ),
        serves=True,
    ),
    future(
        "a session that the answer to the question names",
        routes('return {"event_id": event_id}', 'return {"event_id": event_id, "stream": body.session_hash[::-1]}'),
        routes(ROUTE, f"{ROUTE}            session_hash = session_hash[::-1]\n"),
        client('protocol, session_hash=hash_data["session_hash"]', 'protocol, session_hash=resp["stream"]'),
        serves=True,
    ),
    future(
        "the stream is the answer to the question",
        routes(
            "            return await queue_join_helper(body, request, username)\n\n        async def queue_join_helper",
            "            await queue_join_helper(body, request, username)\n            return await queue_data(request, body.session_hash)\n\n        async def queue_join_helper",
        ),
        client(
            "    def send_data(self, data, hash_data, protocol, request_headers):\n",
            """\
    def send_data(self, data, hash_data, protocol, request_headers):
        event_id = uuid.uuid4().hex
        self.pending_messages_per_event[event_id] = deque()
        self.pending_event_ids.add(event_id)
        body = {**data, **hash_data, "session_hash": event_id}
        threading.Thread(target=self.stream_messages, args=(protocol, body), daemon=True).start()
        return event_id

    def send_data_as_before(self, data, hash_data, protocol, request_headers):
""",
        ),
        client(OPENED, '"POST", self.sse_data_url, json=session_hash,\n'),
        client(
            'event_id = resp["event_id"]\n                                with',
            'event_id = session_hash["session_hash"]\n                                with',
        ),
        serves=True,
    ),
]
