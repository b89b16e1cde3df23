from __future__ import annotations

from typing import Any

import pytest

from qwen_gradio import EndpointNotFound, InvalidOption, ProtocolError
from qwen_gradio.space.choice import find_recipe
from qwen_gradio.space.recipe import Recipe, check_api_name, check_option_values
from qwen_gradio.space.session import PageSession
from qwen_gradio.text.chatbot import Snapshot
from qwen_gradio.text.messages import Chat

ASKED = Chat(None, (), "hi")
TURNS = Chat(None, (("a", "b"),), "c")


class Page:
    """A Space's description, built up as Gradio writes it."""

    def __init__(self, version: str = "6.0.0") -> None:
        self.config: dict[str, Any] = {"version": version, "components": [], "dependencies": []}
        self.info: dict[str, Any] = {"named_endpoints": {}, "unnamed_endpoints": {}}

    def component(self, kind: str, **props: Any) -> int:
        number = len(self.config["components"])
        skipped = kind == "state"
        self.config["components"].append({"id": number, "type": kind, "skip_api": skipped, "props": props})
        return number

    def endpoint(
        self,
        name: str,
        inputs: dict[str, int],
        outputs: list[int],
        *,
        hidden: bool = False,
        after: int | None = None,
        streams: bool = True,
    ) -> int:
        number = len(self.config["dependencies"])
        self.config["dependencies"].append(
            {
                "id": number,
                "api_name": name,
                "inputs": list(inputs.values()),
                "outputs": outputs,
                "types": {"generator": streams, "cancel": False},
                "trigger_after": after,
            }
        )
        if not hidden:
            shown = {key: id_ for key, id_ in inputs.items() if not self.config["components"][id_]["skip_api"]}
            parameters = [{"parameter_name": key, "label": key} for key in shown]
            self.info["named_endpoints"][f"/{name}"] = {"parameters": parameters}
        return number

    def recipe(self, **more: Any) -> Recipe:
        return find_recipe(self.config, self.info, **more)


def arguments(recipe: Recipe, chat: Chat, options: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of the first step."""
    session = PageSession(recipe)
    session.ask(chat, options)
    step = session.next_step()
    assert step is not None
    return step.arguments


def read(recipe: Recipe, output: object, chat: Chat) -> Snapshot | None:
    """The reply in an output of the first step."""
    session = PageSession(recipe)
    session.ask(chat, {})
    step = session.next_step()
    assert step is not None
    return session.read(step, output)


def qwen_page(version: str = "6.0.0") -> Page:
    page = Page(version)
    system, chatbot, textbox = (
        page.component("textbox", value="You help."),
        page.component("chatbot"),
        page.component("textbox"),
    )
    asked = {"query": textbox, "history": chatbot, "system": system}
    page.endpoint("clear_session", {}, [textbox, chatbot])
    page.endpoint("model_chat", asked, [textbox, chatbot, system])
    page.endpoint("model_chat_1", asked, [textbox, chatbot, system])
    return page


def text_page() -> Page:
    page = Page()
    page.endpoint("predict", {"text": page.component("textbox")}, [page.component("textbox")])
    return page


def test_endpoint_qwen_space_is_recognised() -> None:
    recipe = qwen_page().recipe()
    assert (recipe.api_name, recipe.query, recipe.history, recipe.system) == (
        "/model_chat",
        "query",
        "history",
        "system",
    )
    assert (recipe.answer.type, recipe.dialect, recipe.options, recipe.streams) == ("chatbot", "parts", (), True)


def test_history_format_follows_endpoints_own_chatbot() -> None:
    page = Page("5.50.0")
    page.component("chatbot", type="tuples")
    chatbot = page.component("chatbot", type="messages")
    page.endpoint("chat", {"message": page.component("textbox"), "history": chatbot}, [chatbot])
    assert page.recipe().dialect == "messages"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param({}, {"hidden": True}, id="documented before hidden"),
        pytest.param({"name": "b"}, {"name": "retry"}, id="not for maintenance"),
        pytest.param({}, {"streams": False}, id="streaming before not"),
        pytest.param({}, {"history": False}, id="a history before none"),
        pytest.param({"streams": False, "text": True}, {"streams": False, "text": False}, id="a question of its own"),
        pytest.param({}, {"reply": "textbox"}, id="a Chatbot before plain text"),
    ],
)
def test_endpoint_of_several_prefers_most_chat_like(better: dict[str, Any], worse: dict[str, Any]) -> None:
    page = Page()
    chatbot, textbox = page.component("chatbot"), page.component("textbox")

    def add(name: str, *, text: bool = True, history: bool = True, reply: str = "chatbot", **more: Any) -> None:
        inputs = {**({"query": textbox} if text else {}), **({"history": chatbot} if history else {})}
        page.endpoint(name, inputs, [chatbot if reply == "chatbot" else page.component("textbox")], **more)

    add(**{"name": "worse", **worse})
    add(**{"name": "better", **better})
    add(**{"name": "better_1", **better})
    assert page.recipe().api_name == "/" + better.get("name", "better")


def test_endpoint_chain_selects_answering_step() -> None:
    page = Page()
    chatbot, textbox = page.component("chatbot"), page.component("textbox")
    user = page.endpoint("user", {"message": textbox, "history": chatbot}, [textbox, chatbot], streams=False)
    page.endpoint("bot", {"history": chatbot}, [chatbot], streams=False, after=user)
    recipe = page.recipe()
    assert (recipe.api_name, recipe.query, recipe.history) == ("/bot", "message", "history")
    assert [step.name for step in recipe.steps] == ["/user", "/bot"]
    assert arguments(recipe, TURNS, {}) == ("c", parts("a", "b"))


def test_endpoint_no_chat_error_lists_available_endpoints() -> None:
    page = Page()
    page.endpoint("add", {"a": page.component("number")}, [page.component("number")])
    page.endpoint("split", {"a": page.component("textbox")}, [page.component("textbox"), page.component("textbox")])
    with pytest.raises(EndpointNotFound, match="it has /add, /split"):
        page.recipe()
    assert page.recipe(api_name="split").answer.id == 3


def test_api_name_selects_endpoint_or_raises() -> None:
    assert qwen_page().recipe(api_name="/model_chat_1").api_name == "/model_chat_1"
    assert qwen_page().recipe(api_name="model_chat_1").api_name == "/model_chat_1"
    with pytest.raises(EndpointNotFound, match="there is no /nothing; it has /clear_session, /model_chat, "):
        qwen_page().recipe(api_name="/nothing")
    with pytest.raises(EndpointNotFound, match="/clear_session takes no text, or answers in none; it has"):
        qwen_page().recipe(api_name="/clear_session")


@pytest.mark.parametrize("api_name", [3, True, b"/chat", ["/chat"], "", " ", "/", " / ", "/a\n", "a\x00b", "/\ud800"])
def test_api_name_invalid_raises_invalid_option(api_name: Any) -> None:
    with pytest.raises(InvalidOption, match="expected the name of an endpoint like '/chat' for api_name, got "):
        check_api_name(api_name)
    with pytest.raises(InvalidOption, match="for api_name"):
        qwen_page().recipe(api_name=api_name)


@pytest.mark.parametrize("api_name", [None, "chat", "/chat", "/chat 2", "/聊天"])
def test_api_name_valid_is_accepted(api_name: Any) -> None:
    check_api_name(api_name)


def test_option_values_not_json_raise_invalid_option() -> None:
    check_option_values({"a": 1, "b": [None, "c"]})
    with pytest.raises(InvalidOption, match="expected a JSON value for b, got a lone surrogate"):
        check_option_values({"a": 1, "b": ["\ud800"]})


def test_endpoint_undocumented_is_recognised_by_components() -> None:
    page = Page()
    chatbot, heat = page.component("chatbot"), page.component("slider", label="Top P", value=0.5)
    inputs = {
        "": page.component("textbox", label="System prompt"),
        " ": page.component("textbox", label="Your message"),
    }
    page.endpoint("hidden", {**inputs, "history": chatbot, "heat": heat}, [chatbot], hidden=True)
    recipe = page.recipe()
    assert (recipe.query, recipe.system, recipe.history) == ("your_message", "system_prompt", "parameter_2")
    assert [option.name for option in recipe.options] == ["top_p"]
    assert arguments(recipe, ASKED, {"top_p": 1}) == ("", "hi", [], 1)


def test_session_state_is_not_a_parameter() -> None:
    page = Page()
    state, chatbot = page.component("state"), page.component("chatbot")
    page.endpoint("chat", {"message": page.component("textbox"), "state": state}, [state, chatbot])
    recipe = page.recipe()
    assert (recipe.history, recipe.has_memory) == (None, True)
    assert arguments(recipe, TURNS, {}) == ("User: a\nAssistant: b\nUser: c\nAssistant:",)


@pytest.mark.parametrize(
    ("other", "props", "question"),
    [
        ("api_key", {}, "message"),
        ("api_key", {"type": "password"}, "whatever"),
        ("key", {}, "inputs"),
        ("persona", {"value": "pirate"}, "whatever"),
        ("chat_name", {}, "user_message"),
        ("prompt_template", {"value": "Say {}"}, "message"),
        ("text_model", {"value": "gpt"}, "question"),
        ("negative_prompt", {}, "prompt"),
        ("request_id", {}, "query"),
    ],
)
def test_endpoint_other_textbox_becomes_option_not_query(other: str, props: dict[str, Any], question: str) -> None:
    page = Page()
    chatbot = page.component("chatbot")
    inputs = {other: page.component("textbox", **props), question: page.component("textbox"), "history": chatbot}
    page.endpoint("chat", inputs, [chatbot])
    assert page.recipe().query == question
    assert [option.name for option in page.recipe().options] == [other]


def test_endpoint_query_in_session_state_is_not_selected() -> None:
    page = Page()
    chatbot, state = page.component("chatbot"), page.component("state")
    page.endpoint("chat", {"saved": state, "history": chatbot}, [chatbot])
    with pytest.raises(EndpointNotFound):
        page.recipe()
    assert page.recipe(api_name="/chat").query is None


def test_endpoint_named_chat_is_preferred() -> None:
    page = Page()
    chatbot = page.component("chatbot")
    for name in ("persona", "chat"):
        page.endpoint(name, {"text": page.component("textbox"), "history": chatbot}, [chatbot])
    assert page.recipe().api_name == "/chat"


def test_endpoint_none_published_raises_endpoint_not_found() -> None:
    with pytest.raises(EndpointNotFound, match=r"it has no documented endpoint\. Pass the name .* as api_name="):
        Page().recipe()


def test_endpoint_arguments_follow_input_order() -> None:
    recipe = qwen_page("4.32.1").recipe()
    assert arguments(recipe, ASKED, {}) == ("hi", [], "You help.")
    assert arguments(recipe, Chat("be brief", (("a", "b"),), "c"), {}) == ("c", [["a", "b"]], "be brief")


def test_option_valid_is_sent_invalid_raises_invalid_option() -> None:
    page = qwen_page()
    radio = page.component("radio", choices=[["Big", "72B"], ["Small", "7B"]], value="72B")
    page.config["dependencies"][1]["inputs"].append(radio)
    page.info["named_endpoints"]["/model_chat"]["parameters"].append({"parameter_name": "radio"})
    recipe = page.recipe()
    assert arguments(recipe, ASKED, {"radio": "7B"})[-1] == "7B"
    assert arguments(recipe, ASKED, {})[-1] == "72B"
    with pytest.raises(InvalidOption, match="unknown option 'size': expected radio"):
        arguments(recipe, ASKED, {"size": "7B"})
    with pytest.raises(InvalidOption, match="expected one of '72B', '7B' for radio, got 'Small'"):
        arguments(recipe, ASKED, {"radio": "Small"})


def test_option_published_default_overrides_known_default() -> None:
    page = qwen_page()
    bare, given = page.component("radio"), page.component("radio", value="7B")
    page.config["dependencies"][1]["inputs"] += [bare, given]
    page.info["named_endpoints"]["/model_chat"]["parameters"] += [
        {"parameter_name": "bare"},
        {"parameter_name": "given"},
    ]
    recipe = page.recipe(defaults={"bare": "72B", "given": "72B", "gone": 1})
    assert arguments(recipe, ASKED, {})[-2:] == ("72B", "7B")


def test_system_without_input_is_put_into_prompt() -> None:
    recipe = text_page().recipe()
    assert arguments(recipe, Chat("be brief", (), "hi"), {}) == ("System: be brief\nUser: hi\nAssistant:",)
    assert arguments(recipe, Chat("", (), "hi"), {}) == ("hi",)


def test_system_form_field_is_filled() -> None:
    page = Page()
    form = page.component("form", value={"model": "big", "sys_prompt": "You help."})
    page.endpoint(
        "add_message", {"input_value": page.component("antdxsender"), "settings": form}, [page.component("prochatbot")]
    )
    recipe = page.recipe()
    assert arguments(recipe, Chat("be brief", (), "hi"), {})[1] == {"model": "big", "sys_prompt": "be brief"}
    assert arguments(recipe, ASKED, {"settings": {"model": "small"}})[1] == {
        "model": "small",
        "sys_prompt": "You help.",
    }


def test_endpoint_multimodal_textbox_gets_text_and_files() -> None:
    page = Page()
    page.endpoint("chat", {"message": page.component("multimodaltextbox")}, [page.component("chatbot")])
    assert arguments(page.recipe(), ASKED, {}) == ({"text": "hi", "files": []},)


def test_endpoint_chat_interface_is_recognised() -> None:
    page = Page()
    inputs = {
        "message": page.component("textbox"),
        "history": page.component("state"),
        "system": page.component("textbox"),
    }
    page.endpoint("respond", inputs, [page.component("json", label="Response"), page.component("json")])
    recipe = page.recipe()
    assert (recipe.query, recipe.system, recipe.answer.type, recipe.dialect) == ("message", "system", "json", None)


@pytest.mark.parametrize(
    ("output", "snapshot"),
    [
        ("so far", Snapshot("so far")),
        ("<think>hm</think>a", Snapshot("a", "hm")),
        ({"role": "assistant", "content": "a"}, Snapshot("a")),
        ([{"role": "assistant", "content": "hm", "metadata": {"title": "T"}}], Snapshot("", "T\n\nhm")),
        ({"__type__": "update", "value": "a"}, Snapshot("a")),
        (["one", {"role": "assistant", "content": "two"}], Snapshot("one\n\ntwo")),
        ({"__type__": "update"}, None),
        (None, None),
    ],
)
def test_snapshot_text_output_is_read(output: object, snapshot: Snapshot | None) -> None:
    assert read(text_page().recipe(), output, ASKED) == snapshot


def parts(*texts: str) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": [{"type": "text", "text": text}]} for n, text in enumerate(texts)]


def test_snapshot_chatbot_output_gives_newest_turn() -> None:
    recipe = qwen_page().recipe()
    assert read(recipe, ("", parts("a", "b", "c", "d"), ""), TURNS) == Snapshot("d")
    assert read(recipe, ("", {"value": parts("a", "b", "c", "d")}, ""), TURNS) == Snapshot("d")
    assert read(recipe, ("", parts("a", "b", "c", "b"), ""), TURNS) == Snapshot("b")  # the same answer again
    assert read(recipe, ("", parts("a", "b"), ""), TURNS) == Snapshot()  # the old turns alone are no reply yet
    assert read(recipe, ("", parts("c", "b"), ""), TURNS) == Snapshot("b")  # the old ones are not shown
    thought = Chat(None, (("a", "<think>hm</think>b"),), "c")
    assert read(recipe, ("", parts("a", "<think>hm</think>b"), ""), thought) == Snapshot()


def test_snapshot_single_output_is_read() -> None:
    page = Page()
    page.endpoint("chat", {"query": page.component("textbox")}, [page.component("chatbot")])
    assert read(page.recipe(), parts("a", "b"), ASKED) == Snapshot("b")


@pytest.mark.parametrize("output", [None, "text", (), ("",), [ValueError("in a step")], ("", 3, "")])
def test_snapshot_malformed_chatbot_output_raises_protocol_error(output: object) -> None:
    with pytest.raises(ProtocolError, match="can't be read"):
        read(qwen_page().recipe(), output, ASKED)


@pytest.mark.parametrize("output", [[3], [], 3])
def test_snapshot_malformed_text_output_raises_protocol_error(output: object) -> None:
    with pytest.raises(ProtocolError, match="can't be read"):
        read(text_page().recipe(), output, ASKED)
