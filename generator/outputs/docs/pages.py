"""Lists of one installation: what there is, which limits hold, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from generator.bundle import Bundle
from generator.outputs.markdown import cell, words
from generator.rules.rule import Alert
from generator.units import number


def systems(bundle: Bundle) -> Sequence[str]:
    """Return the systems that are on, in the order in which boards have them."""
    return [name for name, one in bundle.site.config.systems.items() if one.enabled]


def index(bundle: Bundle) -> str:
    """Return the first page: where to look first, and what is here."""
    site = bundle.site
    named = [f"[{site.catalogue.systems[name].title}](metrics/{name}.md)" for name in systems(bundle)]
    identity = ", ".join(f"`{label}`" for label in site.identity)
    return (
        "# Agent observability\n\n"
        "An alert has a page of its own: its name leads there, from the notification or from [the list](alerts.md).\n\n"
        f"| | |\n| --- | --- |\n"
        f"| systems, with their metrics | {', '.join(named)} |\n"
        f"| [boards](boards.md) | {len(bundle.boards)}; what each answers, and what is normal on its panels |\n"
        f"| [alerts](alerts.md) | {len(bundle.alerts)}; how soon, how severe, and the [runbook](runbooks/index.md) of each |\n"
        "| [limits](limits.md) | the thresholds and objectives that hold here, beside the defaults |\n"
        "| [left out](left_out.md) | what the configuration makes impossible, and why |\n\n"
        f"A deployment is known by {identity}. Rules look at {site.timing.window} and are evaluated every "
        f"{site.timing.evaluation}; targets are scraped every {site.timing.scrape}.\n"
    )


def boards(bundle: Bundle, links: Mapping[str, str]) -> str:
    """Return the list of boards: what each answers, and of each panel what is normal."""
    out = ["# Boards\n"]
    for stem, board in bundle.boards.items():
        about = " ".join((board.dashboard.description or "").split("\n\n")[0].split())
        link = f"[{board.title}]({links[stem]})" if "://" in links[stem] else board.title
        out += [f'## {link} <a id="{board.uid}"></a>\n', f"{about}\n", "| panel | normal |", "| --- | --- |"]
        out += [f"| {cell(panel.title)} | {cell(panel.usual) or '-'} |" for panel in board.panels]
        out.append("")
    return "\n".join(out[:-1]) + "\n"


def alerts(bundle: Bundle) -> str:
    """Return the list of alerts by system, in the order in which one triages."""
    return "\n".join(["# Alerts", "", *alert_lines(bundle)]) + "\n"


def alert_lines(bundle: Bundle) -> list[str]:
    """Return the lines of that list below its title; pages are found in runbooks/."""
    titles = {name: system.title for name, system in bundle.site.catalogue.systems.items()}
    lines: list[str] = []
    for name, title in {**titles, "": "The monitoring itself"}.items():
        rows = [_row(bundle, alert) for alert in _of(bundle, name)]
        if rows:
            lines += [f"## {title}", "", "| alert | severity | after | tells |", "| --- | --- | --- | --- |", *rows, ""]
    return lines[:-1]


def _row(bundle: Bundle, alert: Alert) -> str:
    hold = "-" if alert.hold == "0s" else bundle.site.timing.hold(alert.hold)
    what = alert.description.partition(". ")[0].removesuffix(".")
    return f"| [{alert.name}](runbooks/{alert.name}.md) | {alert.severity} | {hold} | {cell(what)}. |"


def _of(bundle: Bundle, system: str) -> Iterator[Alert]:
    for stem, groups in bundle.rules.items():
        if bundle.site.system_of(stem) == system:
            yield from (alert for group in groups for alert in group.alerts)


def limits(bundle: Bundle) -> str:
    """Return the thresholds and objectives that hold."""
    names = [
        name for name, one in bundle.site.catalogue.limits.items() if not one.system or one.system in systems(bundle)
    ]
    rows = [*threshold_rows(bundle, names), *objective_rows(bundle, bundle.site.config.slo)]
    head = ["# Limits", "", "`thresholds:` and `slo:` of bundle.yaml set them.", ""]
    return "\n".join([*head, "| key | here | default | why |", "| --- | --- | --- | --- |", *rows]) + "\n"


def threshold_rows(bundle: Bundle, names: Iterable[str]) -> Iterator[str]:
    """Yield a row for each threshold: what holds here in bold where it is not the default."""
    for name in names:
        default, here = bundle.site.catalogue.limits[name], bundle.site.limit(name)
        unit = "" if here.unit in ("none", "ratio") else f" {here.unit}"
        shown, usual = f"{number(here.value)}{unit}", f"{number(default.value)}{unit}"
        yield f"| `{name}` | {shown if shown == usual else f'**{shown}**'} | {usual} | {cell(words(here.why))} |"


def objective_rows(bundle: Bundle, names: Iterable[str]) -> Iterator[str]:
    """Yield a row for each objective of the systems that are on."""
    for target in systems(bundle):
        for name, known in bundle.site.catalogue.systems[target].objectives.items():
            if name in names:
                here = bundle.site.objective(name)
                shown, usual = (
                    _objective(here.objective, here.within),
                    _objective(known["objective"], known.get("within", 0)),
                )
                period = bundle.site.timing.period
                yield f"| `slo: {name}` | {shown if shown == usual else f'**{shown}**'} | {usual} | over {period} |"


def _objective(share: float, within: float) -> str:
    return f"{number(share)} %" + (f" within {number(within)} ms" if within else "")


def left_out(bundle: Bundle) -> str:
    """Return what the configuration makes impossible, by the reason."""
    reasons: dict[str, dict[str, None]] = {}
    for out in bundle.left_out:
        reasons.setdefault(out.why, {})[f"{out.where}: {out.what}"] = None
    lines = ["# Left out", "", "What is not here, and what of bundle.yaml or of the servers would bring it."]
    for why, found in reasons.items():
        lines += ["", f"**{cell(why)}**", "", *(f"- {cell(one)}" for one in found)]
    return "\n".join(lines if reasons else ["# Left out", "", "Nothing."]) + "\n"


def listed(title: str, paths: Sequence[str]) -> str:
    """Return a page of links to the pages of its own folder."""
    names = [path.rpartition("/")[2].removesuffix(".md") for path in paths]
    return "\n".join([f"# {title}", "", *(f"- [{name}]({name}.md)" for name in names)]) + "\n"
