{{/* Everything new is read as (.Values.part).key: an upgrade with --reuse-values has no new keys. */}}

{{- define "gw.name" -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $full | trunc 48 | trimSuffix "-" -}}
{{- end }}

{{/* By this the Services, the budget and the policy find the gateway's pods, and nothing else's. */}}
{{- define "gw.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{/* The whole metadata of an object. root; suffix: behind the name; component, labels, annotations: where they differ. */}}
{{- define "gw.meta" -}}
{{- $root := .root -}}
{{- $fixed := dict "app.kubernetes.io/name" $root.Chart.Name "app.kubernetes.io/instance" $root.Release.Name "app.kubernetes.io/component" (.component | default "gateway") "app.kubernetes.io/version" $root.Chart.AppVersion "app.kubernetes.io/managed-by" $root.Release.Service "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") -}}
{{- $annotations := merge (dict) (.annotations | default dict) ($root.Values.annotations | default dict) -}}
metadata:
  name: {{ include "gw.name" $root }}{{ .suffix }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- merge $fixed (.labels | default dict) ($root.Values.labels | default dict) | toYaml | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "gw.sqlite" -}}
{{- if eq .Values.ledger.kind "sqlite" }}yes{{ end -}}
{{- end }}

{{/* Where the audit log goes: volume or stdout. */}}
{{- define "gw.audit" -}}
{{- (.Values.audit).to | default (ternary "volume" "stdout" (eq .Values.ledger.kind "sqlite")) -}}
{{- end }}

{{- define "gw.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "gw.account" -}}
{{- if (.Values.serviceAccount).create }}{{ .Values.serviceAccount.name | default (include "gw.name" .) }}{{ else }}{{ (.Values.serviceAccount).name | default "default" }}{{ end -}}
{{- end }}
