"""The cases of `tests/rules` in the format of promtool's unit tests. Writes files; runs no promtool."""
