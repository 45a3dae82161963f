"""Systems whose metrics follow from rates: what LangSight, agentgateway and the LangSmith services share.

A `Model` says what one of them does in a slice of time; a `Service` is a deployment of it in virtual time.
"""

from reference_server.core.rates.deployment import Service
from reference_server.core.rates.model import Model, ScrapeFaults, ServiceProcess

__all__ = ["Model", "ScrapeFaults", "Service", "ServiceProcess"]
