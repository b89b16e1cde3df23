"""Futures in which the functions of gradio_client that make requests are wrapped, and the server is today's."""

from __future__ import annotations

from ..overlays import Edit, Future, client, future
from .calls import JOIN, OUTER, STREAM, imported

REQUESTING = "send_data|stream_messages|_get_config|_get_api_info|_login"
CLASS = '@document("predict", "submit"'
WRAPPED = """\
def traced(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)

    return call


"""
COUNTED = """\
def traced(function):
    calls = 0

    def call(*args, **kwargs):
        nonlocal calls
        calls += 1
        return function(*args, **kwargs)

    return call


"""
OBJECT = """\
class traced:
    def __init__(self, function):
        self.function = function

    def __get__(self, instance, owner):
        return self if instance is None else functools.partial(self.function, instance)


"""
LOOKED_UP = """\
TRACED = {}


def traced(function):
    TRACED[function.__name__] = function

    @functools.wraps(function)
    def call(*args, name=function.__name__, **kwargs):
        return TRACED[name](*args, **kwargs)

    return call


"""
OPENING = """\
    @contextlib.contextmanager
    def open_stream(self, session_hash, httpx_kwargs):
        with httpx.Client(verify=self.ssl_verify, **httpx_kwargs) as client:
            parameters = {"session_hash": session_hash}
            with client.stream("GET", self.sse_url, params=parameters, headers=self.headers, cookies=self.cookies) as response:
                yield response

    def stream_messages(
"""


def decorated(name: str, decorator: str, *, hides_httpx: bool = False) -> Future:
    """A future in which every function that makes a request has a decorator, `traced`."""
    return future(
        name,
        imported("functools"),
        client(CLASS, decorator + CLASS),
        Edit("gradio_client/client.py", rf"(    def (?:{REQUESTING})\()", r"    @traced\n\1", pattern=True),
        hides_httpx=hides_httpx,
    )


DECORATED = (
    decorated("requests wrapped", WRAPPED),
    decorated("requests wrapped by a closure alone", COUNTED),
    decorated("requests wrapped in an object", OBJECT, hides_httpx=True),
    decorated("requests looked up by their wrapper", LOOKED_UP, hides_httpx=True),
    future(
        "requests cached",
        imported("functools"),
        Edit(
            "gradio_client/client.py",
            r"(    def _get_(?:config|api_info)\()",
            r"    @functools.cache\n\1",
            pattern=True,
        ),
    ),
    future(
        "the stream in a context manager",
        imported("contextlib"),
        client("    def stream_messages(\n", OPENING),
        client(OUTER, "            with threading.Lock():\n"),
        client(STREAM, "                with self.open_stream(session_hash, httpx_kwargs) as response:\n"),
    ),
    future(
        "the question by a partial",
        imported("functools"),
        client(CLASS, f"post = functools.partial(httpx.post, follow_redirects=False)\n\n\n{CLASS}"),
        client(JOIN, JOIN.replace("httpx.post", "post")),
    ),
    future(
        "the question by a static method and the address by a property",
        Edit(
            "gradio_client/client.py",
            r"    def send_data\(",
            "    @staticmethod\n    def post(*args, **kwargs):\n        return httpx.post(*args, **kwargs)\n\n"
            "    @property\n    def poster(self):\n        return lambda *args, **kwargs: (httpx.Timeout(5) and self.post)(*args, **kwargs)\n\n"
            "    def send_data(",
            pattern=True,
        ),
        client(JOIN, JOIN.replace("httpx.post", "self.poster")),
    ),
    future(
        "the question in a module that is imported late",
        Edit(
            "gradio_client/late.py",
            None,
            "import httpx\n\n\ndef post(*args, **kwargs):\n    return httpx.post(*args, **kwargs)\n",
        ),
        client(JOIN, f"        import gradio_client.late\n\n{JOIN.replace('httpx.post', 'gradio_client.late.post')}"),
    ),
)
