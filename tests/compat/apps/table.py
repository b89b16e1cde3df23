"""The apps of this folder, by the kind of page that they are. Imports no gradio."""

from __future__ import annotations

from .columns import EACH_GRADIO, SINCE_5, UNTIL_5, App, Input, Memory, heard_in

__all__ = ["APPS", "BY_NAME", "EACH_GRADIO", "App", "Input", "Memory", "heard_in"]

APPS = [
    # One step.
    App("simple_bot", "one step from text and Chatbot to Chatbot", ("respond",), streams=False),
    App(
        "zephyr",
        "one step with system and options, sent by box or button, and a button that cancels",
        ("predict",),
        system=Input("system_message", "System message", "You are a pirate.", "You are a cook."),
        options=(Input("temperature", "Temperature", 0.7, 1.2), Input("max_tokens", "Max tokens", 256, 512)),
    ),
    App(
        "click_only",
        "one step on a button's click alone",
        ("generate_text",),
        options=(Input("length", "Length", 128, 64),),
        sent_by="Generate",
    ),
    App(
        "gr_on",
        "one async step on several triggers",
        ("chat",),
        options=(Input("persona", "Persona", "poet", "teacher"),),
    ),
    App(
        "mixed_outputs",
        "one step whose outputs are a Button, a State, HTML, the box and the Chatbot, by updates",
        ("reply",),
        options=(Input("persona", "Persona", "butler", "pirate"),),
    ),
    App(
        "no_user_message",
        "one step that appends no message of the user",
        ("tell_story",),
        options=(Input("genre", "Genre", "crime", "fairy tale"),),
    ),
    App("own_messages", "one step; the Chatbot holds a system message, a tool's call and a file", ("respond",)),
    App(
        "pairs_components",
        "one step that answers in pairs with components and files",
        ("show",),
        gradios=UNTIL_5,
        streams=False,
        answers_with=("image", "file", "html", "table", "gallery"),
    ),
    App("text_and_file", "one step that answers in text, a picture and text", ("analyse",)),
    # ChatInterface.
    App("interface_plain", "a ChatInterface", ("echo",)),
    App(
        "interface_template",
        "a ChatInterface with system and options",
        ("respond",),
        system=Input("system_message", "System message", "You are a friendly Chatbot.", "You are a cook."),
        options=(
            Input("max_tokens", "Max new tokens", 512, 64),
            Input("temperature", "Temperature", 0.7, 1.5),
            Input("top_p", "Top-p (nucleus sampling)", 0.95, 0.5),
        ),
    ),
    App(
        "interface_pairs",
        "a ChatInterface with its history in pairs",
        ("respond",),
        gradios=UNTIL_5,
        system=Input("system_prompt", "System Prompt", "You are Mistral.", "You are a cook."),
    ),
    App("interface_history", "a ChatInterface that counts its turns", ("quiz",), streams=False, says=False),
    App(
        "interface_mistaken",
        "a ChatInterface that takes its messages for pairs, and so fails from the second question on",
        ("respond",),
        system=Input("system_message", "System message", "You are helpful.", "You are a cook."),
        fails_later=True,
    ),
    App("interface_outputs", "a ChatInterface with outputs beside it", ("respond",), gradios=SINCE_5),
    App("tabs", "two ChatInterfaces in tabs", ("chat",)),
    App(
        "components_answer",
        "a ChatInterface that answers with components",
        ("show",),
        gradios=SINCE_5,
        streams=False,
        answers_with=("image", "file", "html", "table", "gallery", "code"),
    ),
    App(
        "oauth_template",
        "a ChatInterface that takes the token of who is logged in",
        ("respond",),
        gradios=SINCE_5,
        system=Input("system_message", "System message", "You are a friendly Chatbot.", "You are a cook."),
        options=(Input("max_tokens", "Max new tokens", 512, 64),),
    ),
    # A step that shows the question, and one that answers what the Chatbot holds.
    App("guide_then", "a chain with the history in the Chatbot", ("user", "bot")),
    App(
        "then_with_box",
        "a chain whose answering step takes the box too",
        ("add_user_message", "generate_response"),
        after=("clear_message",),
        options=(
            Input("model_name", "Model", "gemma-2-9b", "gemma-2-27b"),
            Input("temperature", "Temperature", 0.6, 0.2),
        ),
    ),
    App("messages_plus", "a chain that adds to an empty answer", ("add_message", "stream_answer")),
    App("pairs_plus", "a chain that adds to the last pair", ("user", "bot"), gradios=UNTIL_5),
    App(
        "pairs_null",
        "a chain that sets the last pair, which has no answer yet",
        ("add_text", "bot"),
        after=("enable",),
        gradios=UNTIL_5,
    ),
    App(
        "bare_output",
        "a chain with a single bare output, then a Button and a State beside the Chatbot",
        ("show_question", "answer"),
        sent_by="Send",
    ),
    App(
        "validate_first",
        "a chain whose first step refuses some questions; followers of its success and of its failure",
        ("validate", "answer"),
        after=("enable",),
        otherwise=("refuse",),
    ),
    App("js_middle", "a chain with JavaScript alone between its steps", ("add_prompt", "complete")),
    App("hidden_reply", "a chain whose answering step is hidden", ("user", "bot"), hidden=("bot",)),
    App(
        "hidden_after",
        "a chain with a hidden step after the reply",
        ("user", "bot"),
        after=("save_conversation",),
        hidden=("save_conversation",),
    ),
    # Question or history in a State.
    App(
        "fastchat",
        "a chain with the conversation as an object in a State, and buttons among the outputs",
        ("add_text", "bot_response"),
        memory=Memory.STATE,
        options=(
            Input("model_selector", None, "vicuna-13b-v1.5", "vicuna-7b-v1.5"),
            Input("temperature", "Temperature", 0.7, 0.2),
            Input("top_p", "Top P", 1.0, 0.5),
            Input("max_new_tokens", "Max output tokens", 1024, 528),
        ),
    ),
    App(
        "pairs_fastchat",
        "a chain with the conversation as an object in a State, which loading the page makes",
        ("add_text", "http_bot"),
        loads=("load_demo",),
        memory=Memory.STATE,
        gradios=UNTIL_5,
        options=(
            Input("model_selector", None, "llava-v1.5-13b", "llava-v1.5-7b"),
            Input("temperature", "Temperature", 0.2, 0.7),
            Input("max_new_tokens", "Max output tokens", 512, 64),
        ),
    ),
    App(
        "vicuna_state",
        "a chain with question and history in States, whose last update has no value",
        ("add_text", "generate"),
        options=(Input("repetition_penalty", "Repetition penalty", 1.2, 1.5),),
        memory=Memory.STATE,
    ),
    App(
        "qwen_web_demo",
        "one step with the history in a State, and a Chatbot that only shows",
        ("predict",),
        siblings=("reset_user_input",),
        memory=Memory.STATE,
        sent_by="🚀 Submit (发送)",
    ),
    App(
        "pairs_qwen",
        "one step with the history in a State, and a Chatbot of pairs that only shows",
        ("predict",),
        siblings=("reset_user_input",),
        memory=Memory.STATE,
        gradios=UNTIL_5,
        sent_by="🚀 Submit (发送)",
    ),
    App(
        "sibling_clear",
        "one step with the history in a State, and a second listener that clears the box",
        ("chat",),
        siblings=("clear_box",),
        memory=Memory.STATE,
    ),
    App(
        "llama_chat",
        "a chain that moves the question into a State, shows it, checks it and, on success, answers",
        ("clear_and_save_textbox", "display_input", "check_input_token_length", "generate"),
        system=Input(
            "system_prompt", "System prompt", "You are a helpful, respectful and honest assistant.", "You are a cook."
        ),
        options=(Input("max_new_tokens", "Max new tokens", 1024, 64), Input("temperature", "Temperature", 1.0, 0.5)),
    ),
    App(
        "session_token",
        "one step that refuses a session which loading the page did not begin",
        ("chat",),
        loads=("start_session",),
    ),
    App(
        "greeting",
        "one step in a Chatbot that loading the page fills, beside examples and votes",
        ("respond",),
        loads=("greet",),
    ),
    App(
        "token_counter",
        "one step, and a listener on each change of the box",
        ("chat",),
        siblings=("count_tokens",),
    ),
    App("change_chain", "a step that changes a State, whose listener answers", ("send_message", "on_pending")),
    App(
        "hidden_change",
        "a step that changes a hidden box, whose listener answers",
        ("submit", "respond"),
        after=("respond",),
    ),
    App(
        "agent_status",
        "a chain of an agent's steps, each with a line of status",
        ("start_task", "plan", "search", "write"),
    ),
    App(
        "steps_after",
        "one step, then one that logs, and one that fills a State which the next turn reads",
        ("respond",),
        after=("log_chat", "summarize"),
    ),
    App("after_raises", "one step, then one that raises", ("respond",), after=("push_to_hub",)),
    # Thoughts.
    App("think_tags", "several <think> blocks in the text", ("respond",)),
    App("reasoning_tags", "a Chatbot that names the tags of thoughts", ("reason",), gradios=("6",)),
    App("thought_messages", "thoughts as messages with titles", ("user", "stream_response")),
    # Files.
    App(
        "multimodal_interface",
        "a multimodal ChatInterface",
        ("process",),
        system=Input("system_prompt", "System prompt", "You see well.", "You see nothing."),
        files="box",
    ),
    App(
        "multimodal_then",
        "a chain with a multimodal box",
        ("add_message", "bot"),
        after=("enable",),
        files="box",
    ),
    App(
        "vision_box",
        "one step with a picture beside the box, which it needs",
        ("answer_question",),
        options=(Input("max_new_tokens", "Max new tokens", 256, 64),),
        files="Upload an image",
    ),
    App(
        "vision_state",
        "a chain that moves question and picture into a State",
        ("add_text", "http_bot"),
        memory=Memory.STATE,
        options=(
            Input("image_process_mode", "Preprocess for non-square image", "Default", "Crop"),
            Input("temperature", "Temperature", 0.2, 0.7),
        ),
        files="Image",
    ),
    App(
        "document_chat",
        "one step with a State that uploading a file fills, which it needs",
        ("chat",),
        files="Document",
        uploads=("index_document",),
    ),
    # Two Chatbots.
    App(
        "arena_one_step",
        "two Chatbots, answered in by one step",
        ("battle",),
        options=(Input("temperature", "Temperature", 1, 0.5),),
    ),
    App(
        "arena_two_listeners",
        "two Chatbots, each answered in by a listener of its own",
        ("chat_base",),
        siblings=("chat_tuned",),
    ),
    App(
        "arena_chain",
        "two Chatbots, answered in one after the other",
        ("ask", "answer_left"),
        after=("answer_right",),
    ),
    # No Chatbot.
    App(
        "text_interface",
        "a gr.Interface from text to text",
        ("generate",),
        memory=Memory.NONE,
        options=(Input("max_length", "Max length", 100, 200),),
        streams=False,
        sent_by="Submit",
    ),
    App(
        "text_markdown",
        "one step from a box to Markdown",
        ("answer",),
        memory=Memory.NONE,
        options=(Input("style", "Style", "short", "long"),),
    ),
]
BY_NAME = {app.name: app for app in APPS}
# One of each kind, on Gradio 6, is asked before every commit; the others are, too, with `--full`.
QUICK = {
    *("simple_bot", "interface_template", "guide_then", "fastchat", "qwen_web_demo", "llama_chat", "session_token"),
    *("change_chain", "js_middle", "steps_after", "mixed_outputs", "document_chat", "arena_chain", "hidden_reply"),
}
