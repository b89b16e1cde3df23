"""The interfaces of other tools: one module and one extra each, imported only when asked for."""
