"""What a file of cases may have, as a JSON Schema; `testbed.cases.reading` says what it means."""

from jsonschema import Draft202012Validator

_TEXT, _TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
_WHEN = {"type": "object", "additionalProperties": _TEXT}
_CASE = {
    "type": "object",
    "required": ["name", "duration", "targets"],
    "additionalProperties": False,
    "properties": {
        "name": _TEXT,
        "duration": _TEXT,
        "scrape": _TEXT,
        "targets": {"type": "object", "additionalProperties": {"type": "object"}},
        "fires": _WHEN,
        "clears": _WHEN,
        "quiet": _TEXTS,
        "where": {"type": "object"},
        "each": {"type": "array", "items": {"type": "object"}},
        "prometheus_down": _TEXTS,
        "copies": {"type": "object"},
        "known_wrong": _TEXT,
    },
}
SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "required": ["cases"],
        "additionalProperties": False,
        "properties": {
            "shapes": {"type": "object", "additionalProperties": {"type": "object"}},
            "cases": {"type": "array", "items": _CASE},
        },
    }
)
