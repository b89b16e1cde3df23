from typing import Any

import pytest

from qwen_gradio import EndpointNotFound, InvalidOption
from qwen_gradio.endpoints import Endpoint, recognise
from qwen_gradio.messages import Chat

CHATBOT = {"version": "6.0.0", "components": [{"id": 1, "type": "chatbot", "props": {}}]}


def parameter(name: str, component: str = "Textbox") -> dict[str, Any]:
    return {"parameter_name": name, "component": component, "label": name}


def about(*parameters: dict[str, Any], returns: tuple[str, ...] = ("Textbox", "Chatbot", "Textbox")) -> dict[str, Any]:
    return {"parameters": list(parameters), "returns": [{"component": component} for component in returns]}


def described(**named: dict[str, Any]) -> dict[str, Any]:
    return {"named_endpoints": {f"/{name}": endpoint for name, endpoint in named.items()}, "unnamed_endpoints": {}}


MODEL_CHAT = about(parameter("query"), parameter("history", "Chatbot"), parameter("system"))


def test_the_qwen_space_is_recognised() -> None:
    info = described(
        clear_session=about(returns=("Textbox", "Chatbot")), model_chat=MODEL_CHAT, model_chat_1=MODEL_CHAT
    )
    assert recognise(CHATBOT, info) == Endpoint(
        "/model_chat", "query", "history", "system", frozenset(), reply=1, dialect="parts"
    )


def test_an_endpoint_with_a_history_stands_before_one_without() -> None:
    assert recognise(CHATBOT, described(a=about(parameter("query")), b=MODEL_CHAT)).api_name == "/b"


def test_a_space_without_a_chat_says_what_it_has() -> None:
    with pytest.raises(EndpointNotFound, match="/add, /clear"):
        recognise(CHATBOT, described(add=about(parameter("x"), returns=("Textbox",)), clear=about()))


def test_arguments_are_given_by_name() -> None:
    endpoint = recognise(CHATBOT, described(chat=MODEL_CHAT))
    assert endpoint.arguments(Chat("be brief", (), "hi"), {}) == {"query": "hi", "history": [], "system": "be brief"}
    assert endpoint.arguments(Chat(None, (), "hi"), {}) == {"query": "hi", "history": []}


def test_options_are_the_endpoints() -> None:
    endpoint = recognise(CHATBOT, described(chat=about(parameter("query"), parameter("radio", "Radio"))))
    assert endpoint.arguments(Chat(None, (), "hi"), {"radio": "32B"}) == {"query": "hi", "radio": "32B"}
    with pytest.raises(InvalidOption, match="unknown option 'size': expected radio"):
        endpoint.arguments(Chat(None, (), "hi"), {"size": "32B"})


def test_what_the_endpoint_cannot_take_is_refused() -> None:
    endpoint = recognise(CHATBOT, described(chat=about(parameter("query"))))
    with pytest.raises(InvalidOption, match="takes no system message"):
        endpoint.arguments(Chat("be brief", (), "hi"), {})


def test_without_a_history_the_turns_become_the_prompt() -> None:
    endpoint = recognise(CHATBOT, described(chat=about(parameter("query"))))
    prompt = "User: a\nAssistant: b\nUser: hi\nAssistant:"
    assert endpoint.arguments(Chat(None, (("a", "b"),), "hi"), {}) == {"query": prompt}


def test_a_chat_interface_is_recognised() -> None:
    label = {"parameter_name": "instructions", "component": "Textbox", "label": "System prompt"}
    interface = about(parameter("message"), label, parameter("temperature", "Slider"))
    interface["returns"] = [{"label": "Response", "component": "Json"}]
    endpoint = recognise(CHATBOT, described(respond=interface))
    assert endpoint == Endpoint("/respond", "message", None, "instructions", frozenset({"temperature"}), None, None)
    assert endpoint.text("so far", Chat(None, (), "hi")) == "so far"
    assert endpoint.text(["so far"], Chat(None, (), "hi")) is None


def parts(*texts: str) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": [{"type": "text", "text": text}]} for n, text in enumerate(texts)]


def test_the_reply_is_the_newest_turn() -> None:
    endpoint = recognise(CHATBOT, described(chat=MODEL_CHAT))
    chat = Chat(None, (("a", "b"),), "c")
    assert endpoint.text(("", parts("a", "b", "c", "d"), ""), chat) == "d"
    assert endpoint.text(("", parts("a", "b", "c", "b"), ""), chat) == "b"  # the same answer again
    assert endpoint.text(("", parts("a", "b"), ""), chat) is None  # the old turns alone are no reply yet


def test_a_reply_may_be_the_only_output() -> None:
    endpoint = recognise(CHATBOT, described(chat=about(parameter("query"), returns=("Chatbot",))))
    assert endpoint.text(parts("a", "b"), Chat(None, (), "a")) == "b"


@pytest.mark.parametrize("output", [None, "text", (), ("",), [ValueError("in a step")], ("", 3, "")])
def test_an_output_of_another_shape_is_not_read(output: object) -> None:
    assert recognise(CHATBOT, described(chat=MODEL_CHAT)).text(output, Chat(None, (), "a")) is None
