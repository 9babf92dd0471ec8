{{/* Names and labels. */}}

{{- define "trino-buffer-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "trino-buffer-exporter.fullname" -}}
{{- $name := include "trino-buffer-exporter.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Never changes between releases of the chart: a Deployment's selector is immutable. */}}
{{- define "trino-buffer-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "trino-buffer-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: exporter
{{- end }}

{{- define "trino-buffer-exporter.labels" -}}
{{ include "trino-buffer-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: xtrinode
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "trino-buffer-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "trino-buffer-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "trino-buffer-exporter.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end }}

{{- define "trino-buffer-exporter.scheme" -}}
{{ ternary "https" "http" (not (empty .Values.serverTls.existingSecret)) }}
{{- end }}

{{/* "true" where the cluster knows ServiceMonitors; `helm template` learns it by --api-versions. */}}
{{- define "trino-buffer-exporter.hasServiceMonitors" -}}
{{- if or (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor") -}}
true
{{- end }}
{{- end }}
