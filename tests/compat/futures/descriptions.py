"""Futures in which `/config` has other keys."""

from __future__ import annotations

from ..overlays import Edit, Future, future, renamed, routes

SENT = '            return ORJSONResponse(content=config)\n\n        @app.get("/static'
RENAMING = '''
def renamed(entry, path):
    """Copy a description, with another name for a key; a list is passed through."""
    if isinstance(entry, list):
        return [renamed(item, path) for item in entry]
    if not isinstance(entry, dict) or path[0] not in entry:
        return entry
    rest, name = path[1:], path[0] if path[1:] else path[0] + "_2"
    return {name if key == path[0] else key: renamed(value, rest) if rest and key == path[0] else value
            for key, value in entry.items()}
'''

# What gradio_client reads of each key, as patterns; the last group is the key.
PATTERNS = {
    "version": r'(config\.get\(")(version)(?=")',
    "app_id": None,
    "components": r'(config\[")(components)(?=")',
    "dependencies": r'(config\[")(dependencies)(?=")',
    "components id": r'(\b[ic]\[")(id)(?=")',
    "components type": r'(\bcomponent\[")(type)(?=")',
    "components skip_api": r'(\bcomponent\.get\(")(skip_api)(?=")',
    "components api_info": r'((?:"(?=api_info" not in)|component\["))(api_info)(?=")',
    "components props": None,
    "dependencies id": r'(\b(?:d|dependency)\.get\(")(id)(?=")',
    "dependencies api_name": r'((?:\bd|\bdependency|\])\.get\(")(api_name)(?=")',
    "dependencies targets": None,
    "dependencies inputs": r'(\bdependency\[")(inputs)(?=")',
    "dependencies outputs": r'(\bdependency\[")(outputs)(?=")',
    "dependencies backend_fn": r'(\bdependency\.get\(")(backend_fn)(?=")',
    "dependencies types": None,
    "dependencies types generator": None,
    "dependencies trigger_after": None,
}


def config_renamed(path: str, pattern: str | None) -> Future:
    sent = f"            from gradio.renaming import renamed\n            config = renamed(config, {path.split()!r})\n"
    reading = () if pattern is None else (renamed(pattern, r"\1\2_2", "gradio_client/*.py"),)
    return future(
        f"{path} in config renamed",
        Edit("gradio/renaming.py", None, RENAMING),
        routes(SENT, sent + SENT),
        *reading,
        serves=True,
    )


DESCRIPTIONS = [config_renamed(path, pattern) for path, pattern in PATTERNS.items()]
