{{/* What cannot work, or would do harm. Each sentence says what to do instead. */}}
{{- define "gw.refusals" -}}
{{- $v := .Values -}}
{{- $sqlite := eq $v.ledger.kind "sqlite" -}}
{{- $config := $v.config | default dict -}}
{{- if $sqlite -}}
  {{- if gt (int $v.replicas) 1 }}{{ fail "SQLite is one process: set replicas to 1, or ledger.kind to postgresql" }}{{ end -}}
  {{- if ($v.autoscaling).enabled }}{{ fail "SQLite is one process: set autoscaling.enabled to false, or ledger.kind to postgresql" }}{{ end -}}
  {{- if $v.redis.existingSecret }}{{ fail "redis goes only with ledger.kind postgresql: leave redis.existingSecret empty, or set ledger.kind" }}{{ end -}}
  {{- if eq (toString ($v.migration).by) "job" }}{{ fail "SQLite is migrated at every start: set migration.by to init" }}{{ end -}}
  {{- if ($v.audit).existingClaim }}{{ fail "SQLite has its audit log on its own volume: leave audit.existingClaim empty" }}{{ end -}}
{{- else -}}
  {{- if not $v.ledger.postgresql.existingSecret }}{{ fail "ledger.postgresql.existingSecret must name the Secret that holds the URL of the database" }}{{ end -}}
  {{- if and (eq (include "gw.audit" .) "volume") (not ($v.audit).existingClaim) }}{{ fail "audit.to volume with PostgreSQL needs audit.existingClaim, a claim that all pods may write to: name one, or set audit.to to stdout" }}{{ end -}}
{{- end -}}
{{- if and ($v.audit).existingClaim (eq (include "gw.audit" .) "stdout") }}{{ fail "audit.existingClaim goes with audit.to volume: set it, or leave the claim out" }}{{ end -}}
{{- if and ($v.migration).existingSecret (ne (toString ($v.migration).by) "job") }}{{ fail "migration.existingSecret goes only with migration.by job: set it, or leave the Secret out" }}{{ end -}}
{{- with $v.autoscaling }}{{ if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}{{ fail "autoscaling.minReplicas is above autoscaling.maxReplicas: change one of them" }}{{ end }}{{ end -}}
{{- if and ($v.sandbox).enabled $config.providers }}{{ fail "sandbox.enabled goes without accounts of your own, or clients would be told of purchases that nobody delivers: empty config.providers, or set sandbox.enabled to false" }}{{ end -}}
{{- if and ($v.catalogue).existingConfigMap $config.products }}{{ fail "the products stand in one place: leave out catalogue.existingConfigMap or config.products" }}{{ end -}}
{{- include "gw.doors" . -}}
{{- include "gw.references" . -}}
{{- end }}

{{- define "gw.doors" -}}
{{- $v := .Values -}}
{{- $ingress := (($v.reports).ingress).enabled -}}
{{- $route := (($v.reports).route).enabled -}}
{{- if or $ingress $route -}}
  {{- if not $v.reports.host }}{{ fail "reports.host must be the name that suppliers call, such as reports.example.id" }}{{ end -}}
  {{- if not $v.trustedProxies }}{{ fail "trustedProxies must name the network of your ingress controller's pods: without it every report seems to come from there, and is refused" }}{{ end -}}
{{- end -}}
{{- if and $route (not $v.reports.route.parentRefs) }}{{ fail "reports.route.parentRefs must name your Gateway: [{name: GATEWAY, namespace: NAMESPACE}]" }}{{ end -}}
{{- if and ($v.serviceMonitor).enabled ($v.networkPolicy).enabled (not ($v.networkPolicy).operations) }}{{ fail "serviceMonitor needs networkPolicy.operations, or the policy keeps Prometheus out: name its namespace, [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" }}{{ end -}}
{{- end }}

{{/* Every reference in config must be there in the pod: else it starts again and again. */}}
{{- define "gw.references" -}}
{{- $v := .Values -}}
{{- $text := toJson ($v.config | default dict) -}}
{{- range regexFindAll "\\$?\\$\\{[^}\"]*\\}" $text -1 -}}
  {{- $name := . | trimPrefix "${" | trimSuffix "}" -}}
  {{- if and (not (hasPrefix "$${" .)) (not (hasKey ($v.secrets.env | default dict) $name)) }}{{ fail (printf "config uses ${%s}, which no pod has: add secrets.env.%s with the name and key of its Secret" $name $name) }}{{ end -}}
{{- end -}}
{{- range regexFindAll "\"file:[^\"]*\"" $text -1 -}}
  {{- $path := . | trimAll "\"" | trimPrefix "file:" -}}
  {{- $parts := splitList "/" (trimPrefix "/run/secrets/" $path) -}}
  {{- if not (and (hasPrefix "/run/secrets/" $path) (eq (len $parts) 2) (has (first $parts) ($v.secrets.files | default list))) }}{{ fail (printf "config uses file:%s, which no pod has: write file:/run/secrets/SECRET/KEY, and add the Secret to secrets.files" $path) }}{{ end -}}
{{- end -}}
{{- end }}
