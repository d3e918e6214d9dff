{{/* The configuration file. What the chart knows itself wins over config. */}}
{{- define "gw.config" -}}
{{- $values := .Values -}}
{{- $server := dict "host" "0.0.0.0" "port" 8080 "admin_host" "0.0.0.0" "admin_port" 9090 "drain" (printf "%ds" (int $values.drainSeconds)) "trusted_proxies" $values.trustedProxies -}}
{{- $ledger := ternary "sqlite:///var/gateway.db" (printf "file:/run/pulsa-gateway/ledger/%s" $values.ledger.postgresql.urlKey) (eq $values.ledger.kind "sqlite") -}}
{{- $path := "var/audit.jsonl" -}}
{{- if eq (include "gw.audit" .) "stdout" }}{{ $path = "audit/audit.jsonl" }}{{ else if not (include "gw.sqlite" .) }}{{ $path = "audit/${POD_NAME}.jsonl" }}{{ end -}}
{{- $mask := ne (toString ($values.audit).mask) "false" -}}
{{- $own := dict "server" $server "ledger" (dict "url" $ledger) "audit" (dict "path" $path "mask" $mask) -}}
{{- if $values.redis.existingSecret }}{{ $_ := set $own "cluster" (dict "redis" (printf "file:/run/pulsa-gateway/redis/%s" $values.redis.urlKey)) }}{{ end -}}
{{- if ($values.catalogue).existingConfigMap }}{{ $_ := set $own "products" (dict "file" (printf "/etc/pulsa-gateway-catalogue/%s" $values.catalogue.key)) }}{{ end -}}
{{- if ($values.sandbox).enabled -}}
  {{- $trial := .Files.Get "files/trial.yaml" | fromYaml -}}
  {{- $_ := set $own "providers" $trial.providers -}}
  {{- if not $values.config.clients }}{{ $_ := set $own "clients" $trial.clients }}{{ end -}}
  {{- if not (or $values.config.products $own.products) }}{{ $_ := set $own "products" $trial.products }}{{ end -}}
{{- end -}}
{{- range $name := list "clients" "providers" "products" "routing" "retention" "log" -}}
  {{- if and (get $values.config $name) (not (hasKey $own $name)) }}{{ $_ := set $own $name (get $values.config $name) }}{{ end -}}
{{- end -}}
{{- $_ := set $own "server" (merge $server ($values.config.server | default dict)) -}}
{{- toYaml $own -}}
{{- end }}
