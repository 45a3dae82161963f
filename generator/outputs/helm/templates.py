"""Objects as templates of a chart: what a value decides becomes an expression, every other `{{` is escaped.

Objects are made of a bundle in which marks stand for cluster and namespaces, so that a mark is found wherever the value goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from generator.bundle import Bundle
from generator.config.site import Site
from generator.outputs import text
from generator.outputs.kubernetes.objects import KEPT, PRODUCT, File, Json, named

#: What stands for values while objects are made; nothing else looks like them.
_CLUSTER, _NAMESPACE = "agentobs-mark-cluster", "agentobs-mark-namespace-of-"

HELPERS = f"""\
{{{{- define "agentobs.metadata" -}}}}
{{{{- with .root.Values.namespace }}}}
namespace: {{{{ . | quote }}}}
{{{{- end }}}}
labels:
  {{{{- $own := dict "app.kubernetes.io/name" "{PRODUCT}" "app.kubernetes.io/component" .component }}}}
  {{{{- range $key, $value := merge (dict) (.more | default dict) .root.Values.labels $own }}}}
  {{{{ $key | quote }}}}: {{{{ $value | quote }}}}
  {{{{- end }}}}
{{{{- end }}}}

{{{{- define "agentobs.namespaces" -}}}}
{{{{- if . -}}}}
matchNames: {{{{ . | toJson }}}}
{{{{- else -}}}}
any: true
{{{{- end }}}}
{{{{- end }}}}
"""


def marked(bundle: Bundle) -> Bundle:
    """Return the bundle with marks in the place of the values that differ between clusters."""
    config = bundle.site.config
    systems = {}
    for name, one in config.systems.items():
        found = replace(one.discovery.kubernetes, namespaces=(_NAMESPACE + name.replace("_", "-"),))
        systems[name] = replace(one, discovery=replace(one.discovery, kubernetes=found))
    return replace(bundle, site=Site(bundle.site.catalogue, replace(config, cluster=_CLUSTER, systems=systems)))


def template(part: str, file: File) -> str:
    """Return the template of a file, which is empty where values switch its part or its system off."""
    conditions = [f".Values.{part}.enabled", *([f".Values.systems.{file.system}.enabled"] if file.system else [])]
    objects = "\n---\n".join(_object(one, file.system) for one in file.objects)
    return f"{{{{- if and {' '.join(conditions)} }}}}\n{objects}\n{{{{- end }}}}\n"


def _object(one: Json, system: str) -> str:
    """Return the template of one object."""
    metadata = {key: value for key, value in one["metadata"].items() if key not in {"namespace", "labels"}}
    component = one["metadata"]["labels"]["app.kubernetes.io/component"]
    body = {**one, "metadata": {"agentobs-mark-metadata": component, **metadata}}
    made = text.plain(body).replace("{{", '{{ "{{" }}').rstrip("\n")
    made = re.sub(
        r"^( *)agentobs-mark-metadata: (.*)$",
        r'\1{{- include "agentobs.metadata" (dict "root" $ "component" "\2") | nindent 2 }}',
        made,
        flags=re.MULTILINE,
    )
    if system:
        made = _namespaces(made, system, probe=one["kind"] == "Probe")
    return re.sub(
        rf"^( *)- action: replace\n *targetLabel: (.*)\n *replacement: {_CLUSTER}$",
        r"{{- with $.Values.cluster }}"
        r'\n\1- action: replace\n\1  targetLabel: \2\n\1  replacement: {{ . | replace "$" "$$" | quote }}'
        r"\n{{- end }}",
        made,
        flags=re.MULTILINE,
    )


def _namespaces(made: str, system: str, *, probe: bool) -> str:
    """Return a template in which values say where a system is searched for; a page's address needs exactly one namespace."""
    mark, value = _NAMESPACE + system.replace("_", "-"), f"$.Values.systems.{system}.namespaces"
    made = re.sub(
        rf"^( *)namespaceSelector:\n *matchNames:\n *- {mark}$",
        rf'\1namespaceSelector:\n\1  {{{{- include "agentobs.namespaces" {value} | nindent 4 }}}}',
        made,
        flags=re.MULTILINE,
    )
    made = re.sub(
        rf"^(?P<pad> *)namespaces:\n *names:\n *- {mark}\n",
        rf"{{{{- with {value} }}}}\n\g<pad>namespaces: {{names: {{{{ . | toJson }}}}}}\n{{{{- end }}}}\n",
        made,
        flags=re.MULTILINE,
    )
    if not probe or mark not in made:
        return made
    made = re.sub(rf": {mark}$", f": {{{{ first {value} | quote }}}}", made, flags=re.MULTILINE)
    made = made.replace(mark, f"{{{{ first {value} }}}}")
    return f"{{{{- if eq (len {value}) 1 }}}}\n{made}\n{{{{- end }}}}"


def configmaps(bundle: Bundle, stems: Iterable[str]) -> str:
    """Return the template of a ConfigMap per board."""
    one = """\
{{- if STEM_ON }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: NAME
  {{- include "agentobs.metadata" (dict "root" $ "component" "dashboards" "more" .Values.dashboards.labels) | nindent 2 }}
  annotations:
    {{- if and .Values.dashboards.folder .Values.dashboards.folderAnnotation }}
    {{ .Values.dashboards.folderAnnotation | quote }}: {{ .Values.dashboards.folder | quote }}
    {{- end }}
    ANNOTATION
data:
  STEM.json: {{ .Files.Get "dashboards/STEM.json" | toJson }}
{{- end }}
"""
    return _boards(bundle, stems, "sidecar", one)


def grafana_dashboards(bundle: Bundle, stems: Iterable[str]) -> str:
    """Return the template of the folder and of a GrafanaDashboard per board."""
    folder = """\
{{- if .Values.dashboards.folder }}
---
apiVersion: grafana.integreatly.org/v1beta1
kind: GrafanaFolder
metadata:
  name: NAME
  {{- include "agentobs.metadata" (dict "root" $ "component" "dashboards") | nindent 2 }}
spec:
  allowCrossNamespaceImport: true
  instanceSelector:
    matchLabels: {{ .Values.dashboards.instanceSelector | toJson }}
  title: {{ .Values.dashboards.folder | quote }}
{{- end }}
"""
    one = """\
{{- if STEM_ON }}
---
apiVersion: grafana.integreatly.org/v1beta1
kind: GrafanaDashboard
metadata:
  name: NAME
  {{- include "agentobs.metadata" (dict "root" $ "component" "dashboards") | nindent 2 }}
  annotations:
    ANNOTATION
spec:
  allowCrossNamespaceImport: true
  instanceSelector:
    matchLabels: {{ .Values.dashboards.instanceSelector | toJson }}
  {{- if .Values.dashboards.folder }}
  folderRef: FOLDER
  {{- end }}
  json: {{ .Files.Get "dashboards/STEM.json" | toJson }}
{{- end }}
"""
    place = named(bundle, "folder")
    return _boards(bundle, stems, "operator", one.replace("FOLDER", place), folder.replace("NAME", place))


def _boards(bundle: Bundle, stems: Iterable[str], form: str, one: str, before: str = "") -> str:
    parts = []
    for stem in stems:
        system = bundle.site.system_of(stem)
        words: Mapping[str, str] = {
            "STEM_ON": f".Values.systems.{system}.enabled" if system else "true",
            "ANNOTATION": text.plain(KEPT).strip(),
            "NAME": named(bundle, stem),
            "STEM": stem,
        }
        made = one
        for word, value in words.items():
            made = made.replace(word, value)
        parts.append(made)
    return f'{{{{- if eq .Values.dashboards.form "{form}" }}}}\n{before}{"".join(parts)}{{{{- end }}}}\n'
