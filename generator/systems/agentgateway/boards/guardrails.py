"""agentgateway guardrails and logins: what is let through, masked, rejected, or passed unchecked; who is refused?

For those who answer for what agents may say and reach. Checks carry no gateway or route: only the phase and what followed.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.catalogue import Limit
from generator.config.site import Site
from generator.promql import observations, quantile, rate
from generator.systems.agentgateway.records import REFUSED, limited, refused

#: How checks are counted.
PER_GUARD = "Each guard that a request passes is a check of its own."

#: What DirectResponse says, and does not.
DIRECT = "DirectResponse with 401 or 403 is an external service's refusal, with 429 its rate limit; or an answer that a route is made of."


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agentgateway_guardrails",
        "agentgateway / Guardrails and logins",
        system="agentgateway",
        about=__doc__ or "",
        rows=[_now(site), _checks(site), _refused(site)],
    )


def _now(site: Site) -> Row:
    gw = site.system("agentgateway")
    checks, http = gw["guardrail_checks_total"], gw["requests_total"]
    every, all_http = rate(checks), rate(http)
    return row(
        "Status",
        stat("Guardrail checks", every).normal("In proportion to LLM requests."),
        stat(
            "Fail-open checks",
            rate(checks.where(action="FailOpen")).filled(every),
            limit=Limit("unchecked", 0.0001, "checks/s", "Any."),
        ).normal("0.", "The guardrail does not answer: check its service.", alert="AgentgatewayGuardrailFailOpen"),
        stat("Rejected ratio", rate(checks.where(action="Reject")).filled(every) / every)
        .with_note(PER_GUARD)
        .normal("Steady.", "A jump is an attack, or a new rule."),
        stat("Masked ratio", rate(checks.where(action="Mask")).filled(every) / every)
        .with_note(PER_GUARD)
        .normal("Steady.", "A jump is a new rule, or new data in prompts."),
        stat(
            "Auth failures",
            refused(rate, http).filled(all_http),
            limit=site.limit("gateway_auth_failures"),
        ).normal("Close to 0.", "A key that expired, or a scan.", alert="AgentgatewayAuthFailures"),
        stat("Rate limited", limited(rate, http).filled(all_http)).normal(
            "Close to 0.", "Who sends so much? Raise the limit if it has reason."
        ),
    )


def _checks(site: Site) -> Row:
    gw, instance = site.system("agentgateway"), site.labels.instance
    checks = gw["guardrail_checks_total"]
    call = gw["upstream_call_duration_seconds"].where(kind="Policy")
    return row(
        "Guardrails",
        lines("Prompt checks by action", rate(checks.where(phase="Request"), by=("action",)), stack=True).normal(
            "Allow above all."
        ),
        lines("Answer checks by action", rate(checks.where(phase="Response"), by=("action",)), stack=True).normal(
            "Allow above all."
        ),
        lines("Fail-open checks by process", rate(checks.where(action="FailOpen"), by=("phase", instance))).normal(
            "No line.",
            "The guardrail does not answer: check its service.",
            alert=("AgentgatewayGuardrailFailOpen", "AgentgatewayGuardrailDown"),
        ),
        lines(
            "Guardrail call latency", *(quantile(q, call.where(subtype="Guardrail")) for q in (0.5, 0.95, 0.99))
        ).normal("Well below its time-out.", "A guardrail that is slow makes each request slow."),
        lines("Policy calls p95 by purpose", quantile(0.95, call, by=("subtype",))).normal(
            "Each in a band of its own.", "The purpose names the policy that is slow."
        ),
        lines("Policy calls by purpose", observations(call, by=("subtype",), unit="requests")).normal(
            "In proportion to requests."
        ),
    )


def _refused(site: Site) -> Row:
    http = site.system("agentgateway")["requests_total"]
    own = http.matching(reason=f"{REFUSED}|RateLimit|Guardrail")
    direct = http.where(reason="DirectResponse").matching(status="401|403|429")
    by, where = ("reason", "status"), ("gateway", "route", "reason", "status")
    return row(
        "Authentication failures and rate limits",
        lines(
            "Refused requests by reason",
            rate(own, by=by).plus(rate(direct, by=by)),
            limit=site.limit("gateway_auth_failures"),
        )
        .with_note(DIRECT)
        .normal(
            "Close to 0.",
            "JwtAuth and Oidc are tokens, ExtAuth the authorization service.",
            alert="AgentgatewayAuthFailures",
        ),
        lines("Refused requests by route", rate(own, by=where).plus(rate(direct, by=where)))
        .with_note(DIRECT)
        .normal("Close to 0.", "The client of that route: its key, its token.", alert="AgentgatewayAuthFailures"),
    )
