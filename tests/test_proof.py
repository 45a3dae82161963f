"""The tables of docs/proof.md are those of the report."""

from __future__ import annotations

from testbed.stack.proof import HEAD, markdown


def verdict(category: str, item: str, state: str, why: str = "") -> dict[str, str]:
    return {"category": category, "item": item, "verdict": state, "why": why, "fix": ""}


def test_panels_are_counted_by_board_and_alerts_told_by_scenario() -> None:
    report = {
        "verdicts": [
            verdict("targets", "agent-server", "ok"),
            verdict("panels", "Agent Server / Runs / Failed", "ok"),
            verdict("panels", "Agent Server / Runs / Lost", "empty", "nothing of the kind"),
            verdict("panels", "All systems / Firing", "wrong", "it fails"),
            verdict("scenarios", "F10 AgentServerPgPoolErrors fires", "ok", "delivered after 12 s"),
            verdict("scenarios", "F10 nothing else fires", "ok"),
            verdict("scenarios", "F10 AgentServerPgPoolErrors resolves", "wrong", "still firing"),
        ]
    }

    assert markdown(report, ["Agent Server / Runs", "All systems"]) == HEAD + (
        "| what | ok | empty for a reason | warning | wrong |\n| --- | --- | --- | --- | --- |\n"
        "| targets | 1 | 0 | 0 | 0 |\n| panels | 1 | 1 | 0 | 1 |\n| scenarios | 2 | 0 | 0 | 1 |\n\n"
        "| board | queries | show data | empty for a reason | wrong |\n| --- | --- | --- | --- | --- |\n"
        "| Agent Server / Runs | 2 | 1 | 1 | 0 |\n| All systems | 1 | 0 | 0 | 1 |\n\n"
        "| scenario | alert | firing | resolved |\n| --- | --- | --- | --- |\n"
        "| F10 | AgentServerPgPoolErrors | delivered after 12 s | **wrong**: still firing |\n"
    )


def test_a_report_without_scenarios_has_no_table_of_them() -> None:
    assert "scenario" not in markdown({"verdicts": [verdict("targets", "agent-server", "ok")]}, [])
