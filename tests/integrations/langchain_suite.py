"""LangChain's standard suites for a chat model, on ChatQwenGradio; pytest runs it in an environment that has them.

SPACES in the environment has the URLs of two Spaces.
"""

from __future__ import annotations

import os
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from qwen_gradio.integrations.langchain import ChatQwenGradio

SPACE, OTHER = os.environ["SPACES"].split()


class TextOnly:
    """What the model can and can't do, in the suites' words."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatQwenGradio

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": SPACE}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return OTHER

    @property
    def returns_usage_metadata(self) -> bool:
        return True


class TestUnit(TextOnly, ChatModelUnitTests):
    pass


class TestIntegration(TextOnly, ChatModelIntegrationTests):
    pass
