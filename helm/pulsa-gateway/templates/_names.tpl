{{- define "gw.name" -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $full | trunc 48 | trimSuffix "-" -}}
{{- end }}
{{- define "gw.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}
{{- define "gw.meta" -}}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "gw.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "gw.config" -}}
{{- $sqlite := eq .Values.ledger.kind "sqlite" -}}
{{- $own := dict "server" (dict "host" "0.0.0.0" "port" 8080 "admin_host" "0.0.0.0" "admin_port" 9090 "drain" (printf "%ds" (int .Values.drainSeconds)) "trusted_proxies" .Values.trustedProxies) "ledger" (dict "url" (ternary "sqlite:///var/gateway.db" (printf "file:/run/secrets/ledger/%s" .Values.ledger.postgresql.urlKey) $sqlite)) "audit" (dict "path" "var/audit.jsonl") -}}
{{- if .Values.redis.existingSecret }}{{ $_ := set $own "cluster" (dict "redis" (printf "file:/run/secrets/redis/%s" .Values.redis.urlKey)) }}{{ end -}}
{{- merge $own .Values.config | toYaml -}}
{{- end }}
