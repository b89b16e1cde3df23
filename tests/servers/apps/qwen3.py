"""The Qwen3-Demo Space, of modelscope_studio 1: settings in a form, turns on the server, thoughts beside the answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import gradio as gr
from model import growing  # type: ignore[import-not-found] # beside it
from modelscope_studio.components import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    antd,
    antdx,
    base,
    pro,
)

MODELS = {
    "qwen3-235b-a22b": "Qwen3-235B-A22B",
    "qwen3-32b": "Qwen3-32B",
    "qwen3-30b-a3b": "Qwen3-30B-A3B",
    "qwen3-14b": "Qwen3-14B",
    "qwen3-8b": "Qwen3-8B",
    "qwen3-4b": "Qwen3-4B",
    "qwen3-1.7b": "Qwen3-1.7B",
    "qwen3-0.6b": "Qwen3-0.6B",
}
MAX_THINKING_BUDGET = 38
DEFAULT_SETTINGS = {
    "model": "qwen3-235b-a22b",
    "sys_prompt": "You are a helpful and harmless assistant.",
    "thinking_budget": MAX_THINKING_BUDGET,
}
BUSY_BOT, BUSY_USER = ["edit", "retry", "delete"], ["edit", "delete"]

State = dict[str, Any]
Update = dict[Any, Any]


def bot_config(disabled_actions: list[str] | None = None) -> dict[str, Any]:
    return {"actions": ["copy", "edit", "retry", "delete"], "disabled_actions": disabled_actions}


def user_config(disabled_actions: list[str] | None = None) -> dict[str, Any]:
    return {"actions": ["copy", "edit", "delete"], "disabled_actions": disabled_actions}


def context(state_value: State) -> State:
    """The open conversation: its history and settings."""
    found: State = state_value["conversation_contexts"][state_value["conversation_id"]]
    return found


def said(message: State) -> str:
    """The text of a message, without its thoughts."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(part["content"] for part in content if part["type"] == "text")


def busy(state_value: State) -> Update:
    """What is shown when the model starts."""
    opened = state_value["conversation_id"]
    items = [{**item, "disabled": item["key"] != opened} for item in state_value["conversations"]]
    return {
        sender: gr.update(value=None, loading=True),
        clear_btn: gr.update(disabled=True),
        conversation_delete_menu_item: gr.update(disabled=True),
        add_conversation_btn: gr.update(disabled=True),
        conversations: gr.update(active_key=opened, items=items),
        chatbot: gr.update(
            value=context(state_value)["history"], bot_config=bot_config(BUSY_BOT), user_config=user_config(BUSY_USER)
        ),
        state: gr.update(value=state_value),
    }


def ready(state_value: State) -> Update:
    """What is shown when the model has ended."""
    return {
        sender: gr.update(loading=False),
        clear_btn: gr.update(disabled=False),
        conversation_delete_menu_item: gr.update(disabled=False),
        add_conversation_btn: gr.update(disabled=False),
        conversations: gr.update(items=state_value["conversations"]),
        chatbot: gr.update(value=context(state_value)["history"], bot_config=bot_config(), user_config=user_config()),
        state: gr.update(value=state_value),
    }


def reply(state_value: State) -> Iterator[Update]:
    """Think, if it is to, and then answer the last message of the open conversation."""
    opened = context(state_value)
    history, settings, thinks = opened["history"], opened["settings"], opened["enable_thinking"]
    texts = [said(message) for message in history]
    earlier = [list(turn) for turn in zip(texts[:-1:2], texts[1::2])]  # noqa: B905 # one of them can be the longer
    message: State = {
        "role": "assistant",
        "content": [],
        "key": str(uuid.uuid4()),
        "header": MODELS.get(settings.get("model")),
        "loading": True,
        "status": "pending",
    }
    history.append(message)

    def shown() -> Update:
        return {chatbot: gr.update(value=history), state: gr.update(value=state_value)}

    yield shown()
    parts: list[State] = []
    message.update(content=parts)
    if thinks:
        thought: State = {"type": "tool", "content": "", "copyable": False, "editable": False}
        thought["options"] = {"title": "Thinking...", "status": "pending"}
        parts.append(thought)
        for text in growing(thinking_of=texts[-1], thinking_budget=settings.get("thinking_budget", 1) * 1024):
            thought["content"] = text
            message["loading"] = False
            yield shown()
        thought["options"] = {"title": "End of Thought", "status": "done"}
    answer = {"type": "text", "content": ""}
    parts.append(answer)
    for text in growing(
        query=texts[-1],
        earlier=earlier,
        system=settings.get("sys_prompt", ""),
        settings=settings,
        enable_thinking=thinks,
    ):
        answer["content"] = text
        message["loading"] = False
        yield shown()
    message.update(status="done", footer="0.00s")
    yield shown()


def add_message(
    input_value: str, settings_form_value: State, thinking_btn_state_value: State, state_value: State
) -> Iterator[Update]:
    if not state_value["conversation_id"]:
        key = state_value["conversation_id"] = str(uuid.uuid4())
        state_value["conversation_contexts"][key] = {"history": []}
        state_value["conversations"].append({"label": input_value, "key": key})
    context(state_value).update(
        settings=settings_form_value, enable_thinking=thinking_btn_state_value["enable_thinking"]
    )
    context(state_value)["history"].append({"role": "user", "content": input_value, "key": str(uuid.uuid4())})
    yield busy(state_value)
    yield from reply(state_value)
    yield ready(state_value)


def regenerate_message(
    settings_form_value: State, thinking_btn_state_value: State, state_value: State, e: gr.EventData
) -> Iterator[Update]:
    opened = context(state_value)
    opened["history"] = opened["history"][: e._data["payload"][0]["index"]]
    opened.update(settings=settings_form_value, enable_thinking=thinking_btn_state_value["enable_thinking"])
    yield busy(state_value)
    yield from reply(state_value)
    yield ready(state_value)


def cancel(state_value: State) -> Update:
    context(state_value)["history"][-1].update(loading=False, status="done", footer="Chat completion paused")
    return ready(state_value)


def delete_message(state_value: State, e: gr.EventData) -> Any:
    del context(state_value)["history"][e._data["payload"][0]["index"]]
    return gr.update(value=state_value)


def edit_message(state_value: State, chatbot_value: list[State], e: gr.EventData) -> Any:
    index = e._data["payload"][0]["index"]
    context(state_value)["history"][index]["content"] = chatbot_value[index]["content"]
    return gr.update(value=state_value)


def select_suggestion(input_value: str, e: gr.EventData) -> Any:
    return gr.update(value=input_value[:-1] + e._data["payload"][0])


def apply_prompt(e: gr.EventData) -> Any:
    return gr.update(value=e._data["payload"][0]["value"]["description"])


def new_chat(thinking_btn_state: State, state_value: State) -> Any:
    if not state_value["conversation_id"]:
        return gr.skip()
    state_value["conversation_id"] = ""
    thinking_btn_state["enable_thinking"] = True
    return (
        gr.update(active_key=""),
        gr.update(value=None),
        gr.update(value=DEFAULT_SETTINGS),
        gr.update(value=thinking_btn_state),
        gr.update(value=state_value),
    )


def select_conversation(thinking_btn_state_value: State, state_value: State, e: gr.EventData) -> Any:
    key = e._data["payload"][0]
    if key == state_value["conversation_id"] or key not in state_value["conversation_contexts"]:
        return gr.skip()
    state_value["conversation_id"] = key
    opened = context(state_value)
    thinking_btn_state_value["enable_thinking"] = opened["enable_thinking"]
    return (
        gr.update(active_key=key),
        gr.update(value=opened["history"]),
        gr.update(value=opened["settings"]),
        gr.update(value=thinking_btn_state_value),
        gr.update(value=state_value),
    )


def click_conversation_menu(state_value: State, e: gr.EventData) -> Any:
    key, operation = (item["key"] for item in e._data["payload"][:2])
    if operation != "delete":
        return gr.skip()
    del state_value["conversation_contexts"][key]
    items = state_value["conversations"] = [item for item in state_value["conversations"] if item["key"] != key]
    if key != state_value["conversation_id"]:
        return gr.update(items=items), gr.skip(), gr.update(value=state_value)
    state_value["conversation_id"] = ""
    return gr.update(items=items, active_key=""), gr.update(value=None), gr.update(value=state_value)


def toggle_settings_header(settings_header_state_value: State) -> Any:
    settings_header_state_value["open"] = not settings_header_state_value["open"]
    return gr.update(value=settings_header_state_value)


def clear_conversation_history(state_value: State) -> Any:
    if not state_value["conversation_id"]:
        return gr.skip()
    context(state_value)["history"] = []
    return gr.update(value=None), gr.update(value=state_value)


def update_browser_state(state_value: State) -> Any:
    return gr.update(value={key: state_value[key] for key in ("conversations", "conversation_contexts")})


def apply_browser_state(browser_state_value: State, state_value: State) -> Any:
    state_value.update(browser_state_value)
    return gr.update(items=browser_state_value["conversations"]), gr.update(value=state_value)


def close_header(state_value: State) -> Any:
    state_value["open"] = False
    return gr.update(value=state_value)


def toggle_thinking(state_value: State) -> Any:
    state_value["enable_thinking"] = not state_value["enable_thinking"]
    return gr.update(value=state_value)


def apply_state_change(state_value: State) -> Any:
    return gr.update(variant="solid" if state_value["enable_thinking"] else "")


def settings_header() -> tuple[Any, Any]:
    """The settings above the input: whether they are open, and their form."""
    opened = gr.State({"open": True})
    with antdx.Sender.Header(title="Settings", open=True) as header, antd.Form(value=DEFAULT_SETTINGS) as form:
        with antd.Form.Item(form_name="model", label="Chat Model"):
            antd.Select(options=[{"value": value, "label": label} for value, label in MODELS.items()])
        with antd.Form.Item(form_name="thinking_budget", label="Thinking Budget"):
            antd.Slider(min=1, max=MAX_THINKING_BUDGET)
            antd.InputNumber(min=1, max=MAX_THINKING_BUDGET)
        with antd.Form.Item(form_name="sys_prompt", label="System Prompt"):
            antd.Input.Textarea(auto_size={"minRows": 3, "maxRows": 6})
    opened.change(lambda state_value: gr.update(open=state_value["open"]), inputs=[opened], outputs=[header])
    header.open_change(close_header, inputs=[opened], outputs=[opened])
    return opened, form


def thinking_button() -> Any:
    """The button beside the input: whether the model thinks."""
    thinks = gr.State({"enable_thinking": True})
    with antd.Button("Thinking", shape="round", color="primary", variant="solid") as button, base.Slot("icon"):
        antd.Icon("SunOutlined")
    thinks.change(apply_state_change, inputs=[thinks], outputs=[button])
    button.click(toggle_thinking, inputs=[thinks], outputs=[thinks])
    return thinks


with gr.Blocks(fill_width=True) as demo:
    state = gr.State({"conversation_contexts": {}, "conversations": [], "conversation_id": ""})

    with base.Application(), antdx.XProvider(), base.AutoLoading(), antd.Row(gutter=[20, 20], wrap=False):
        with antd.Col(md={"flex": "0 0 260px"}), antd.Flex(vertical=True, gap="small"):
            with antd.Button(value=None, color="primary", variant="filled", block=True) as add_conversation_btn:
                base.Text("New Conversation")
            conversations = antdx.Conversations()
            with conversations, base.Slot("menu.items"):
                conversation_delete_menu_item = antd.Menu.Item(label="Delete", key="delete", danger=True)
        with antd.Col(flex=1), antd.Flex(vertical=True, gap="small"):
            chatbot = pro.Chatbot(height=600, user_config=user_config(), bot_config=bot_config())
            suggestion = antdx.Suggestion(items=[{"label": "Write a report", "value": "report"}])
            with suggestion, base.Slot("children"), antdx.Sender(placeholder="Ask away") as sender:
                with base.Slot("header"):
                    settings_header_state, settings_form = settings_header()
                with base.Slot("prefix"), antd.Flex(gap=4, wrap=True):
                    with antd.Button(value=None, type="text") as setting_btn, base.Slot("icon"):
                        antd.Icon("SettingOutlined")
                    with antd.Button(value=None, type="text") as clear_btn, base.Slot("icon"):
                        antd.Icon("ClearOutlined")
                    thinking_btn_state = thinking_button()

    # In the order of the Space's, where the 13th is the one that chats.
    browser_state = gr.BrowserState({"conversation_contexts": {}, "conversations": []}, storage_key="qwen3")
    state.change(update_browser_state, inputs=[state], outputs=[browser_state])
    demo.load(apply_browser_state, inputs=[browser_state, state], outputs=[conversations, state])

    opened = [conversations, chatbot, settings_form, thinking_btn_state, state]
    add_conversation_btn.click(new_chat, inputs=[thinking_btn_state, state], outputs=opened)
    conversations.active_change(select_conversation, inputs=[thinking_btn_state, state], outputs=opened)
    conversations.menu_click(click_conversation_menu, inputs=[state], outputs=[conversations, chatbot, state])

    chatbot.welcome_prompt_select(apply_prompt, outputs=[sender])
    chatbot.delete(delete_message, inputs=[state], outputs=[state])
    chatbot.edit(edit_message, inputs=[state, chatbot], outputs=[state])
    answered = [
        sender,
        clear_btn,
        conversation_delete_menu_item,
        add_conversation_btn,
        conversations,
        chatbot,
        state,
    ]
    regenerating = chatbot.retry(
        regenerate_message, inputs=[settings_form, thinking_btn_state, state], outputs=answered, concurrency_limit=100
    )
    submitted = sender.submit(
        add_message, inputs=[sender, settings_form, thinking_btn_state, state], outputs=answered, concurrency_limit=100
    )
    sender.cancel(cancel, inputs=[state], outputs=answered, cancels=[submitted, regenerating], queue=False)

    setting_btn.click(toggle_settings_header, inputs=[settings_header_state], outputs=[settings_header_state])
    clear_btn.click(clear_conversation_history, inputs=[state], outputs=[chatbot, state])
    suggestion.select(select_suggestion, inputs=[sender], outputs=[sender])


if __name__ == "__main__":
    demo.launch()
