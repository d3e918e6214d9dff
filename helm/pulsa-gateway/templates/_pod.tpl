{{/* What every container has: the image, and no rights. */}}
{{- define "gw.locked" -}}
image: {{ include "gw.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
workingDir: /var/lib/pulsa-gateway
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "gw.side" -}}
{{ include "gw.locked" . }}
resources:
  {{- .Values.sideResources | default (dict "requests" (dict "cpu" "10m" "memory" "64Mi") "limits" (dict "cpu" "500m" "memory" "256Mi")) | toYaml | nindent 2 }}
{{- end }}

{{/* A container that reads the configuration: secrets and volumes beside what every container has. */}}
{{- define "gw.container" -}}
{{ include "gw.locked" . }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
env:
  - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  {{- range $name, $ref := .Values.secrets.env }}
  - {name: {{ $name }}, valueFrom: {secretKeyRef: {name: {{ $ref.name | quote }}, key: {{ $ref.key | quote }}}}}
  {{- end }}
volumeMounts:
  - {name: config, mountPath: /etc/pulsa-gateway, readOnly: true}
  - {name: data, mountPath: /var/lib/pulsa-gateway/var}
  - {name: tmp, mountPath: /tmp}
  {{- if include "gw.auditVolume" . }}
  - {name: audit, mountPath: /var/lib/pulsa-gateway/audit}
  {{- end }}
  {{- if ne .Values.ledger.kind "sqlite" }}
  - {name: ledger, mountPath: /run/pulsa-gateway/ledger, readOnly: true}
  {{- end }}
  {{- if .Values.redis.existingSecret }}
  - {name: redis, mountPath: /run/pulsa-gateway/redis, readOnly: true}
  {{- end }}
  {{- if (.Values.catalogue).existingConfigMap }}
  - {name: catalogue, mountPath: /etc/pulsa-gateway-catalogue, readOnly: true}
  {{- end }}
  {{- range $number, $secret := .Values.secrets.files }}
  - {name: "secret-{{ $number }}", mountPath: "/run/secrets/{{ $secret }}", readOnly: true}
  {{- end }}
{{- end }}

{{/* Whether the audit log has a volume of its own, and is not beside SQLite's file. */}}
{{- define "gw.auditVolume" -}}
{{- if or (eq (include "gw.audit" .) "stdout") (not (include "gw.sqlite" .)) }}yes{{ end -}}
{{- end }}

{{/* root; config: the ConfigMap; ledger: the Secret with the ledger's URL. Not the data of SQLite, which is a claim. */}}
{{- define "gw.volumes" -}}
{{- $v := .root.Values -}}
- {name: config, configMap: {name: {{ .config }}}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- if not (include "gw.sqlite" .root) }}
- {name: data, emptyDir: {sizeLimit: 64Mi}}
- {name: ledger, secret: {secretName: {{ .ledger | quote }}, defaultMode: 288}}
{{- end }}
{{- if eq (include "gw.audit" .root) "stdout" }}
- {name: audit, emptyDir: {sizeLimit: {{ ($v.audit).size | default "1Gi" }}}}
{{- else if include "gw.auditVolume" .root }}
- {name: audit, persistentVolumeClaim: {claimName: {{ $v.audit.existingClaim | quote }}}}
{{- end }}
{{- with $v.redis.existingSecret }}
- {name: redis, secret: {secretName: {{ . | quote }}, defaultMode: 288}}
{{- end }}
{{- with ($v.catalogue).existingConfigMap }}
- {name: catalogue, configMap: {name: {{ . | quote }}}}
{{- end }}
{{- range $number, $secret := $v.secrets.files }}
- {name: "secret-{{ $number }}", secret: {secretName: {{ $secret | quote }}, defaultMode: 288}}
{{- end }}
{{- end }}

{{- define "gw.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Where a pod runs, and how its image is pulled. */}}
{{- define "gw.place" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "imagePullSecrets" }}
{{- with get $.Values $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- end }}
