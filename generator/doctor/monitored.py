"""What a Prometheus tells of the processes of a site: what pages tell, and how it has them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from generator.catalogue import Catalogue
from generator.config.settings import Config
from generator.doctor.diagnosis import Diagnosis, diagnose
from generator.doctor.gathering import IDENTITY, gather
from generator.doctor.naming import Naming, Trouble, applied, naming
from generator.doctor.scraping import troubles
from generator.doctor.variants import variants
from generator.validate.prometheus import Prometheus


@dataclass(frozen=True, slots=True)
class Monitored:
    """What a Prometheus tells.

    Attributes:
        diagnosis: What the series of the processes tell.
        naming: What bundle.yaml has to say about labels.
        troubles: What is wrong with how the Prometheus has them.

    """

    diagnosis: Diagnosis
    naming: Naming
    troubles: tuple[Trouble, ...]

    @property
    def failed(self) -> bool:
        """Whether something is blank, or seen wrongly, for a reason that an operator can mend."""
        return self.diagnosis.failed or any(t.kind != "doubtful" for t in self.troubles)


def monitored(catalogue: Catalogue, prometheus: Prometheus, own: Config | None, now: float) -> Monitored:
    """Return what a Prometheus tells at a time, in unix seconds.

    Raises:
        ProbeError: It does not answer.

    """
    known = {name: variants(catalogue, name) for name in catalogue.targets}
    prefixes = {name: one.prefix for name, one in own.systems.items()} if own else {}
    gathered = gather(prometheus, known, prefixes, now)
    found = naming(catalogue, gathered, own)
    made = diagnose(catalogue, [t.profile.page for t in gathered.targets], own, frozenset(IDENTITY))
    if made.fits:
        made = replace(made, document=applied(made.document, found))
    return Monitored(made, found, (*found.troubles, *troubles(prometheus, gathered)))
