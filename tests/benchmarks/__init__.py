"""How prompt and how light the stream is, beside what else a user could pick: `python -m tests.benchmarks`."""
