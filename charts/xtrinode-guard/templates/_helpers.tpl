{{/* Names and labels. */}}

{{- define "xtrinode-guard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A release named after a part of the chart, such as `guard`, is not repeated: both are `xtrinode-guard`. */}}
{{- define "xtrinode-guard.fullname" -}}
{{- $name := include "xtrinode-guard.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains .Release.Name $name }}
{{- $name | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Of objects that belong to no namespace, and of roles in others: guards of two namespaces may meet there. */}}
{{- define "xtrinode-guard.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "xtrinode-guard.fullname" .) }}
{{- end }}

{{/* Never changes between releases of the chart: a Deployment's selector is immutable. */}}
{{- define "xtrinode-guard.selectorLabels" -}}
app.kubernetes.io/name: {{ include "xtrinode-guard.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: guard
{{- end }}

{{- define "xtrinode-guard.labels" -}}
{{ include "xtrinode-guard.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: xtrinode
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "xtrinode-guard.serviceAccountName" -}}
{{- default (include "xtrinode-guard.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{/* The name under which the guard's own requests arrive. */}}
{{- define "xtrinode-guard.user" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "xtrinode-guard.serviceAccountName" .) }}
{{- end }}

{{- define "xtrinode-guard.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end }}

{{/* The Secret with the certificate that is served. */}}
{{- define "xtrinode-guard.certificateSecret" -}}
{{- if eq .Values.tls.mode "existingSecret" }}
{{- .Values.tls.existingSecret }}
{{- else }}
{{- printf "%s-tls" (include "xtrinode-guard.fullname" .) }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.pathSecret" -}}
{{- printf "%s-path" (include "xtrinode-guard.fullname" .) }}
{{- end }}

{{/* "true" where the cluster knows the Prometheus operator's objects; `helm template` learns it by --api-versions. */}}
{{- define "xtrinode-guard.hasMonitoring" -}}
{{- if or (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor") -}}
true
{{- end }}
{{- end }}

{{/* The coordinators that are named, without those that a values file took out by null. */}}
{{- define "xtrinode-guard.coordinators" -}}
{{- $found := dict }}
{{- range $name, $entry := .Values.coordinators }}
{{- if $entry }}
{{- $_ := set $found $name $entry }}
{{- end }}
{{- end }}
{{- toYaml $found }}
{{- end }}
