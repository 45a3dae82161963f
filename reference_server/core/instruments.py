"""The metrics of one process: records by the catalogue's names, writes the real server's page.

A page is made of string templates: what stands before each value is written once, when the series is born.
Knows nothing of what the values mean, nor of time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from generator.catalogue import Kind, Metric
from generator.errors import nearest
from reference_server.core.exposition import head, labelled, real_help
from reference_server.core.families import Buckets, Cell, Family, InstrumentError, Key, check, row_of, series_of, write

#: The OpenTelemetry SDK's bound on label sets per instrument; what exceeds it is merged into one series.
CARDINALITY_LIMIT = 2000
OVERFLOW = {"otel_metric_overflow": "true"}
_OVERFLOWED = tuple(OVERFLOW.items())

#: Ceiling above every tier: nothing is left out.
ANY_TIER = 4


class Instruments:
    """The metrics of one process. Names are the catalogue's, without prefix.

    Internal metrics are recorded whether the page shows them or not, unless their tier is above the ceiling.

    Attributes:
        added: Labels that the server's configuration adds to what is recorded from here on.
        beside: The label of those metrics that get them.

    """

    def __init__(
        self,
        metrics: Iterable[Metric],
        *,
        prefix: str = "lg_api_",
        constants: Mapping[str, str] | None = None,
        tier: int = ANY_TIER,
        unemitted: frozenset[str] = frozenset(),
        absent: frozenset[str] = frozenset(),
        limit: int = CARDINALITY_LIMIT,
    ) -> None:
        """Take `constants`, the values of the labels on every series; those not named are empty or the only one there is.

        Args:
            metrics: What may be recorded.
            prefix: What METRIC_PREFIX says.
            constants: Label values that are the same on every series.
            tier: Ceiling for internal metrics; those above it are not recorded.
            unemitted: Names that this process never records; recording one does nothing.
            absent: Constant labels that its page is without.
            limit: Label sets of one metric that are kept apart; the rest is merged, as the OpenTelemetry SDK does.

        """
        self.prefix = prefix
        self.tier = tier
        self.unemitted = unemitted
        self.limit = limit
        self.added: dict[str, str] = {}
        self.beside = ""
        self._metrics = {m.name: m for m in metrics}
        self._families: dict[str, Family] = {}
        self._cells: dict[object, tuple[Cell, Family] | None] = {}
        self._columns: dict[tuple[str, int], tuple[tuple[Key, ...], list[Cell]]] = {}
        known = next((m.constant_labels for m in self._metrics.values() if m.constant_labels), {})
        self.constants = {n: lb.values[0] if lb.values else "" for n, lb in known.items() if n not in absent}
        self.constants |= dict(constants or {})

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What may be recorded, in the order in which it was given."""
        return tuple(self._metrics.values())

    def add(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter; 0 makes it exist."""
        found = self._find(name, labels)
        if found is None:
            return
        cell = found[0]
        if amount < 0:
            raise InstrumentError(f"{name} would fall by {-amount}; a counter only grows")
        cell.value += amount
        cell.text = cell.row = None

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        found = self._find(name, labels)
        if found is not None and (found[0].value != value or found[0].text is None):
            cell = found[0]
            cell.value = float(value)
            cell.text = cell.row = None

    def observe(self, name: str, value: float, times: int = 1, /, **labels: str) -> None:
        """Add `times` observations of `value` to a histogram or summary; an edge belongs to its own bucket."""
        self.observe_all(name, ((value, times),), labels)

    def observe_all(self, name: str, found: Iterable[tuple[float, int]], labels: dict[str, str]) -> None:
        """Add observations to a histogram or summary: each value with how often it was seen; at least one of them."""
        place = self._find(name, labels)
        if place is None:
            return
        cell, family = place
        buckets, counts, total = family.metric.buckets, cell.counts, cell.value
        for value, times in found:
            counts[bisect_left(buckets, value)] += times
            total += value * times
        cell.value = total
        cell.text = cell.row = None

    def observe_each(self, name: str, values: Iterable[float], labels: dict[str, str]) -> None:
        """Add observations that were each seen once to a histogram or summary; at least one."""
        place = self._find(name, labels)
        if place is None:
            return
        cell, family = place
        buckets, counts, total = family.metric.buckets, cell.counts, cell.value
        for value in values:
            counts[bisect_left(buckets, value)] += 1
            total += value
        cell.value = total
        cell.text = cell.row = None

    def drop(self, name: str) -> None:
        """Forget every series of a metric."""
        self._families.pop(name, None)
        self._cells.clear()
        self._columns.clear()

    def value(self, name: str, /, **labels: str) -> float:
        """Return what a counter or gauge stands at, a histogram's number of observations; 0 when unborn. Sums over labels not named."""
        family = self._families.get(name)
        cells = family.cells.values() if family else ()
        wanted = set(labels.items())
        return sum(sum(c.counts) if c.counts else c.value for c in cells if wanted <= set(c.labels))

    def points(self) -> Iterator[tuple[Metric, dict[str, str], float | Buckets]]:
        """Yield every series of its own labels with its value, in the page's order."""
        for family in self._families.values():
            for cell in family.cells.values():
                counts = tuple(cell.counts)
                value = Buckets(counts, cell.value, sum(counts)) if counts else cell.value
                yield family.metric, dict(cell.labels), value

    def written(
        self, write: Callable[[Metric, dict[str, str], float | Buckets], str]
    ) -> Iterator[tuple[Metric, dict[str, str], str]]:
        """Yield every series as `points` does, with what `write` makes of it; that is asked again after a change only.

        One process has one `write`, and then no use for `text`.
        """
        for family in self._families.values():
            for cell in family.cells.values():
                labels = dict(cell.labels)
                if cell.text is None:
                    counts = tuple(cell.counts)
                    value = Buckets(counts, cell.value, sum(counts)) if counts else cell.value
                    cell.text = write(family.metric, labels, value)
                yield family.metric, labels, cell.text

    def text(self, exposure: str = "internal", tier: int = ANY_TIER) -> bytes:
        """Write the page: `ui` metrics, with `internal` those too whose tier is at most `tier`."""
        parts: list[str] = []
        for family in self._shown(exposure, tier):
            metric = family.metric
            parts.append(head(family.name, metric.kind, real_help("new").get(metric.base, "")))
            parts += [cell.text or write(cell) for cell in family.cells.values()]
        return "".join(parts).encode()

    def columns(self, exposure: str = "internal", tier: int = ANY_TIER) -> tuple[tuple[Key, ...], list[float]]:
        """Return series and values without writing text. The tuple of series stays the same object until one is born or dropped."""
        found = self._columns.get((exposure, tier))
        if found is None:
            cells = [cell for family in self._shown(exposure, tier) for cell in family.cells.values()]
            found = (tuple(chain.from_iterable(cell.keys for cell in cells)), cells)
            self._columns[exposure, tier] = found
        keys, cells = found
        return keys, list(chain.from_iterable(cell.row or row_of(cell) for cell in cells))

    def shows(self, exposure: str, tier: int = ANY_TIER) -> bool:
        """Whether the page has any series; `target_info` waits for the first one."""
        return next(self._shown(exposure, tier), None) is not None

    def _shown(self, exposure: str, tier: int) -> Iterator[Family]:
        for family in self._families.values():
            metric = family.metric
            if metric.exposure == "ui" or (exposure == "internal" and metric.tier <= tier):
                yield family

    def _find(self, name: str, labels: dict[str, str]) -> tuple[Cell, Family] | None:
        if self.added and self.beside in labels:
            labels = labels | self.added
        key: object = (name, *labels.items()) if labels else name
        try:
            return self._cells[key]
        except KeyError:
            found = self._make(name, labels)
            if found is None or found[0].labels != _OVERFLOWED:  # label sets beyond the bound must not fill the memory
                self._cells[key] = found
            return found

    def _make(self, name: str, labels: dict[str, str]) -> tuple[Cell, Family] | None:
        metric = self._metrics.get(name)
        if metric is None:
            fix = nearest(name, list(self._metrics), otherwise="see the catalogue")
            raise InstrumentError(f"no metric {name!r}; {fix}")
        if name in self.unemitted or (metric.exposure == "internal" and metric.tier > self.tier):
            return None
        check(metric, {name: value for name, value in labels.items() if name not in self.added})
        family = self._families.get(name)
        if family is None:
            base = metric.base if metric.prefix else metric.full_name
            family = self._families[name] = Family(metric, (self.prefix if metric.prefix else "") + base)
        own = tuple(sorted(labels.items()))
        if own not in family.cells and len(family.cells) >= self.limit:
            own = _OVERFLOWED
        cell = family.cells.get(own)
        if cell is None:
            shown = len(family.edges)
            cell = family.cells[own] = Cell(own, shown, shown or int(metric.kind is Kind.SUMMARY))
            self._columns.clear()
            self._spell(family, cell)
        return cell, family

    def _spell(self, family: Family, cell: Cell) -> None:
        """Write what stands before the values; of every cell when a label name is new, since each then carries it empty."""
        new = {k for k, _ in cell.labels} - family.label_names
        family.label_names |= new
        constants = self.constants if family.metric.constant_labels else {}
        for other in family.cells.values() if new else (cell,):
            own = dict(other.labels)
            merged = own if own == OVERFLOW else {**constants, **own}
            scope = {k: v for k, v in constants.items() if k.startswith("otel_")}
            full = dict.fromkeys((*constants, *family.label_names), "") | scope | merged
            names = series_of(family, tuple(full.items()))
            other.form = "".join(labelled(n, ls).replace("%", "%%") + " %s\n" for n, ls in names)
            if other.counts:
                other.form = other.form.replace(" %s\n", " %d.0\n", other.edges + 1)
            other.keys = tuple((n, tuple(sorted((k, v) for k, v in ls if v))) for n, ls in names)
            other.text = None
        if new:
            self._columns.clear()
