"""Futures in which gradio_client asks httpx otherwise, and the server is today's."""

from __future__ import annotations

from ..overlays import Edit, Future, client, future, renamed
from .protocol import OPENED

IMPORTS = "import asyncio\nimport concurrent.futures\n"
OUTER = """\
            with httpx.Client(
                verify=self.ssl_verify,
                **httpx_kwargs,
            ) as client:
"""
HEADERS = """\
                    headers=self.headers,
                    cookies=self.cookies,
"""
STREAM = f"                with client.stream(\n{OPENED}{HEADERS}                ) as response:\n"
BUFFER = '                    buffer = b""\n'
CHUNKS = "                    for chunk in response.iter_bytes():\n                        buffer += chunk\n"
JOIN = """\
        req = httpx.post(
            self.sse_data_url,
            json={**data, **hash_data},
            headers=headers,
            cookies=self.cookies,
            verify=self.ssl_verify,
            **self.httpx_kwargs,
        )
"""
GET = r"httpx\.get\(\n(.*?)verify=self\.ssl_verify,\s*\*\*self\.httpx_kwargs,\s*\)"


def imported(*modules: str) -> Edit:
    return client(IMPORTS, IMPORTS + "".join(f"import {module}\n" for module in modules))


def checked(name: str, check: str) -> Future:
    """A future that looks at the response before it reads it."""
    return future(name, client(BUFFER, f"                    {check}\n{BUFFER}"))


def read(name: str, *lines: str) -> Future:
    """A future that reads the response by other lines, up to those that add to `buffer`."""
    return future(name, client(CHUNKS, "".join(f"{' ' * 20}{line}\n" for line in lines)))


def opened(name: str, arguments: str, *edits: Edit) -> Future:
    """A future that opens the stream with other arguments."""
    return future(name, client(OPENED + HEADERS, f"                    {arguments},\n"), *edits)


def joined(name: str, call: str, *edits: Edit) -> Future:
    """A future that sends the question by another call."""
    return future(name, client(JOIN, f"        {call}\n"), *edits)


READING = (
    checked("status raised before reading", "response.raise_for_status()"),
    checked("status code compared before reading", "assert response.status_code == 200, response.read()"),
    checked("is_success asked before reading", "if not response.is_success: raise ValueError(response.read())"),
    checked("is_error asked before reading", "if response.is_error: raise ValueError(response.reason_phrase)"),
    checked("media type looked at", 'assert response.headers["content-type"].startswith("text/event-stream")'),
    checked(
        "request looked at", 'assert response.request.method == "GET" and response.url.path and response.http_version'
    ),
    checked("history and cookies looked at", "assert not response.history; self.cookies.update(response.cookies)"),
    checked("encoding set", 'response.encoding = "utf-8"; assert response.charset_encoding != "x"'),
    checked("network stream looked at", 'assert response.extensions["network_stream"].get_extra_info("client_addr")'),
    read(
        "lines instead of bytes",
        "for line in response.iter_lines():",
        '    buffer += line.encode() + b"\\n"',
    ),
    read("text instead of bytes", "for chunk in response.iter_text():", "    buffer += chunk.encode()"),
    read("raw bytes", "for chunk in response.iter_raw():", "    buffer += chunk"),
    read("chunks of a size", "for chunk in response.iter_bytes(chunk_size=1):", "    buffer += chunk"),
    read(
        "chunks by next",
        "chunks = response.iter_bytes()",
        "while (chunk := next(chunks, None)) is not None:",
        "    buffer += chunk",
    ),
    read("the stream itself", "for chunk in response.stream:", "    buffer += chunk"),
    read(
        "chunks by a generator",
        "def chunks(response):",
        "    yield from response.iter_bytes()",
        "for chunk in chunks(response):",
        "    buffer += chunk",
    ),
    future(
        "read in asyncio",
        client(
            "    def stream_messages(\n",
            "    def stream_messages(self, *args, **kwargs):\n"
            "        return asyncio.run(self._read_messages(*args, **kwargs))\n\n"
            "    async def _read_messages(\n",
        ),
        client(OUTER, OUTER.replace("with httpx.Client", "async with httpx.AsyncClient")),
        client("                with client.stream(", "                async with client.stream("),
        client(
            "for chunk in response.iter_bytes():\n                        buffer",
            "async for chunk in response.aiter_bytes():\n                        buffer",
        ),
    ),
    future(
        "the stream opened again if it can't be reached",
        client(
            "            with httpx.Client(\n",
            "            for attempt in range(3):\n              with httpx.Client(\n",
        ),
    ),
)
STREAMS = (
    future(
        "httpx.stream",
        client(OUTER, "            with threading.Lock():\n"),
        client(
            STREAM,
            STREAM.replace("client.stream", "httpx.stream").replace(
                HEADERS, f"{HEADERS}                    verify=self.ssl_verify,\n                    **httpx_kwargs,\n"
            ),
        ),
    ),
    future(
        "request built and sent",
        imported("contextlib"),
        client(
            STREAM,
            f"                request = client.build_request(\n{OPENED}{HEADERS}                )\n                with contextlib.closing(client.send(request, stream=True)) as response:\n",
        ),
    ),
    future(
        "client closed by hand",
        client(
            OUTER, "            client = httpx.Client(verify=self.ssl_verify, **httpx_kwargs)\n            if client:\n"
        ),
    ),
    future(
        "client with a transport",
        client(
            OUTER,
            '            proxy = httpx_kwargs.pop("proxy", None)\n            transport = httpx.HTTPTransport(verify=self.ssl_verify, proxy=proxy, retries=1)\n            with httpx.Client(transport=transport, **httpx_kwargs) as client:\n',
        ),
    ),
    future(
        "client with more keywords",
        client(
            OUTER,
            OUTER.replace(
                "                **httpx",
                '                http2=False, limits=httpx.Limits(max_connections=4), event_hooks={"response": []}, default_encoding="utf-8",\n                **httpx',
            ),
        ),
    ),
    future(
        "client with a base URL",
        client(
            OUTER,
            OUTER.replace(
                "                **httpx",
                "                base_url=self.src_prefixed, headers=self.headers, cookies=self.cookies,\n                **httpx",
            ),
        ),
        client(OPENED + HEADERS, OPENED.replace("self.sse_url", '"queue/data"')),
    ),
    future(
        "client of a class of its own",
        client(OUTER, OUTER.replace("httpx.Client", "_Http")),
        client(
            '@document("predict", "submit"', 'class _Http(httpx.Client):\n    pass\n\n\n@document("predict", "submit"'
        ),
        hides_httpx=True,
    ),
    future(
        "one client kept for all",
        imported("contextlib"),
        client(
            "        if auth is not None:\n            self._login",
            "        self.http = httpx.Client(verify=self.ssl_verify, **self.httpx_kwargs)\n        if auth is not None:\n            self._login",
        ),
        Edit("gradio_client/client.py", f"(?s){GET}", r"self.http.get(\n\1)", pattern=True),
        client(
            JOIN,
            JOIN.replace("httpx.post", "self.http.post").replace(
                "            verify=self.ssl_verify,\n            **self.httpx_kwargs,\n", ""
            ),
        ),
        client(OUTER, "            with contextlib.nullcontext(self.http) as client:\n"),
        client(OPENED + HEADERS, f'{OPENED}{HEADERS}                    timeout=httpx_kwargs["timeout"],\n'),
    ),
    future(
        "urllib for the stream",
        imported("urllib.request"),
        client(
            OUTER,
            '            proxies = {"http": httpx_kwargs["proxy"]} if httpx_kwargs.get("proxy") else {}\n            client = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))\n            if client:\n',
        ),
        client(
            STREAM,
            "                url = f\"{self.sse_url}?{urllib.parse.urlencode({'session_hash': session_hash})}\"\n                with client.open(urllib.request.Request(url, headers=dict(self.headers))) as response:\n",
        ),
        client(
            "for chunk in response.iter_bytes():\n                        buffer",
            'for chunk in iter(lambda: response.read1(65536), b""):\n                        buffer',
        ),
        hides_httpx=True,
    ),
    opened(
        "stream by keywords",
        'method="GET", url=self.sse_url, params={"session_hash": session_hash}, headers=self.headers, cookies=self.cookies',
    ),
    opened(
        "stream with more keywords",
        '"GET", self.sse_url, params={"session_hash": session_hash}, headers=self.headers, cookies=self.cookies, follow_redirects=True, timeout=httpx.Timeout(None), extensions={}',
    ),
    opened(
        "stream with its parameters in the URL",
        '"GET", f"{self.sse_url}?session_hash={session_hash}", headers=self.headers, cookies=self.cookies',
    ),
    opened(
        "stream with types of httpx",
        '"GET", httpx.URL(self.sse_url), params=httpx.QueryParams({"session_hash": session_hash}), headers=httpx.Headers(self.headers), cookies=httpx.Cookies(self.cookies)',
    ),
    opened(
        "stream with pairs",
        '"GET", self.sse_url, params=[("session_hash", session_hash)], headers=list(self.headers.items()), cookies=list(self.cookies.items())',
    ),
)
JOINS = (
    joined(
        "question by httpx.request",
        'req = httpx.request("POST", self.sse_data_url, json={**data, **hash_data}, headers=headers, cookies=self.cookies, verify=self.ssl_verify, **self.httpx_kwargs)',
    ),
    joined(
        "question by keywords",
        "req = httpx.post(url=self.sse_data_url, json={**data, **hash_data}, headers=headers, cookies=self.cookies, verify=self.ssl_verify, **self.httpx_kwargs)",
    ),
    joined(
        "question with more keywords",
        "req = httpx.post(self.sse_data_url, json={**data, **hash_data}, headers=headers, cookies=self.cookies, verify=self.ssl_verify, params={}, follow_redirects=True, auth=None, trust_env=True, **self.httpx_kwargs)",
    ),
    joined(
        "question as content",
        'req = httpx.post(self.sse_data_url, content=json.dumps({**data, **hash_data}).encode(), headers={**headers, "content-type": "application/json"}, cookies=self.cookies, verify=self.ssl_verify, **self.httpx_kwargs)',
    ),
    joined(
        "question as content in pieces",
        'req = httpx.post(self.sse_data_url, content=iter([json.dumps({**data, **hash_data}).encode()]), headers={**headers, "content-type": "application/json"}, cookies=self.cookies, verify=self.ssl_verify, **self.httpx_kwargs)',
    ),
    joined(
        "question by a client",
        "with httpx.Client(verify=self.ssl_verify, cookies=self.cookies, **self.httpx_kwargs) as http:\n            req = http.post(self.sse_data_url, json={**data, **hash_data}, headers=headers)",
    ),
    joined(
        "question with its answer streamed",
        'with httpx.stream("POST", self.sse_data_url, json={**data, **hash_data}, headers=headers, cookies=self.cookies, verify=self.ssl_verify, **self.httpx_kwargs) as req:\n            req.read()',
    ),
    joined(
        "question in asyncio",
        "async def post():\n"
        "            async with httpx.AsyncClient(verify=self.ssl_verify, cookies=self.cookies, **self.httpx_kwargs) as http:\n"
        "                return await http.post(self.sse_data_url, json={**data, **hash_data}, headers=headers)\n"
        "        req = asyncio.run(post())",
    ),
    joined(
        "answer to the question looked at",
        JOIN.strip()
        + '\n        assert req.elapsed and req.text and req.content and req.num_bytes_downloaded and req.headers["content-type"] and req.request.content',
    ),
)
NAMED = "post|get|stream|Timeout|RemoteProtocolError|TransportError|URL|InvalidURL"
IMPORT = (
    future(
        "httpx under another name",
        renamed(r"import httpx\b", "import httpx as http"),
        renamed(r"\bhttpx\.", "http."),
        hides_httpx=True,
    ),
    future(
        "names of httpx imported",
        Edit("gradio_client/client.py", rf"\bhttpx\.({NAMED})\b", r"\1", pattern=True),
        Edit("gradio_client/client.py", r"\bhttpx\.Client\b", "HttpClient", pattern=True),
        client("import httpx\n", f"from httpx import Client as HttpClient, {NAMED.replace('|', ', ')}\n"),
        hides_httpx=True,
    ),
    future("httpx2", Edit("gradio_client/*.py", "import httpx\n", "import httpx2 as httpx\n")),
    future(
        "a module of gradio_client before httpx",
        Edit("gradio_client/http.py", None, "from httpx import *\n"),
        client("import httpx\n", "from gradio_client import http as httpx\n"),
    ),
    future(
        "calls in a module of their own",
        Edit(
            "gradio_client/calls.py",
            None,
            "import httpx\n\n\ndef get(*args, **kwargs):\n    return httpx.get(*args, **kwargs)\n\n\ndef post(*args, **kwargs):\n    return httpx.post(*args, **kwargs)\n\n\ndef connected(**kwargs):\n    return httpx.Client(**kwargs)\n",
        ),
        client("from gradio_client import utils\n", "from gradio_client import calls, utils\n"),
        client("httpx.get(", "calls.get("),
        client("httpx.post(", "calls.post("),
        client("httpx.Client(", "calls.connected("),
        hides_httpx=True,
    ),
    future(
        "calls by getattr",
        client(JOIN, JOIN.replace("httpx.post(", 'getattr(httpx, "post")(')),
        client(OUTER, OUTER.replace("httpx.Client(", 'vars(httpx)["Client"](')),
    ),
)
CALLING = (*STREAMS, *JOINS, *IMPORT)
