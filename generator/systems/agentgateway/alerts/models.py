"""Language models behind agentgateway: providers that fail or are slow, tokens and money that run away."""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import amount, increase, increments, observed, rate, surged, tail, volume
from generator.rules.rule import SPARSE, Alert, going_on
from generator.systems.agentgateway.records import NEW, llm_failed


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    gw, by = site.system("agentgateway"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    backend, model = (*by, "gateway", "backend"), (*by, "gateway", "gen_ai_request_model")
    llm = gw["requests_total"].where(protocol="llm")
    failed, first = llm_failed(gw["requests_total"]), gw["gen_ai_server_time_to_first_token"]
    late = site.limit("gateway_first_token_p95")
    return [
        Alert(
            name="AgentgatewayLlmErrors",
            query=(rate(failed, by=backend) / rate(llm, by=backend))
            .above(site.limit("gateway_llm_error_ratio"))
            .both(increase(failed, by=backend).at_least(site.limit("gateway_llm_error_floor")))
            .both(going_on(increase(failed, by=backend))),
            over="10m",
            hold=site.timing.outlasting,
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the requests from {{{{ $labels.gateway }}}} to {{{{ $labels.backend }}}} fail.",
            description="5xx is an outage of the provider, 429 a quota that is used up. Requests that succeeded at a second try, and those that the gateway could not read, do not count. It still goes on: a burst that is over does not page.",
            action="look at the provider's status page and at the split by status; fail over to another provider.",
            board="agentgateway_llm",
        ),
        Alert(
            name="AgentgatewayLlmSlowFirstToken",
            query=tail(0.95, first, late, by=model).both(
                observed(first, by=model, unit="requests").at_least(site.limit("gateway_first_token_floor"))
            ),
            over="15m",
            hold="15m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the answers of {{{{ $labels.gen_ai_request_model }}}} begin after more than {late.value:g} s.",
            description="Users look at an empty screen for so long. Only streamed answers tell it. Long prompts and reasoning models are slow by nature: set the limit to the models that you have.",
            action="compare models and providers; look at the size of the prompts.",
            board="agentgateway_llm",
        ),
        *_spending(site),
    ]


def _spending(site: Site) -> list[Alert]:
    gw, by = site.system("agentgateway"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    gateway, by_model = (*by, "gateway"), (*by, "gen_ai_request_model")
    model = (*gateway, "gen_ai_request_model")
    tokens = gw["gen_ai_client_token_usage"].matching(**NEW)
    unpriced = gw["cost_catalog_lookups_total"].matching(status="Unpriced|Missing")
    return [
        Alert(
            name="AgentgatewayLlmTokenSpike",
            query=surged(lambda ago: volume(tokens, by=model, ago=ago), site.limit("gateway_token_factor")).both(
                amount(tokens, by=model).above(site.limit("gateway_token_floor"))
            ),
            over="15m",
            hold="15m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.gen_ai_request_model }}}} uses {{{{ $value | humanize }}}} times as many tokens as usual.",
            description="Compared with the same time yesterday and a week ago; a model without a past is left out.",
            action="find the route and the client: an agent that loops, a batch job, a leaked key.",
            board="agentgateway_llm",
        ),
        Alert(
            name="AgentgatewayLlmCostBudget",
            query=increments(gw["gen_ai_client_cost_usd_total"], by=gateway).above(site.limit("gateway_cost_per_hour")),
            over="1h",
            hold="0s",
            severity="warning",
            summary=f"{name}: {{{{ $labels.gateway }}}} spent {{{{ $value | humanize }}}} USD within {site.timing.window_words('1h')}.",
            description="More than the budget of an hour. Only models with a price are counted, so it is rather more.",
            action="see which model and route; cap keys or limit their rate.",
            board="agentgateway_llm",
        ),
        Alert(
            name="AgentgatewayUnpricedModels",
            query=increments(unpriced, by=by_model)
            .above(site.limit("gateway_unpriced_lookups"))
            .both(observed(gw["gen_ai_client_token_usage"], by=by_model, unit="requests").above(0)),
            over="6h",
            hold="0s",
            severity="info",
            summary=f"{name}: {{{{ $labels.gen_ai_request_model }}}} has no price ({{{{ $value | humanize }}}} requests in {site.timing.window_words('6h')}).",
            description="The list of prices lacks the model, so its cost is counted as nothing. Names that never answered, and gateways without any list, are left out.",
            action="add the model to the list of prices.",
            board="agentgateway_llm",
        ),
    ]
