{{/*
The exporter's configuration file. Secrets are named by path only; their content never passes through Helm.
Keys left out take the exporter's own defaults, which are the chart's.
*/}}
{{- define "trino-buffer-exporter.config" -}}
{{- $v := .Values }}
{{- $coordinators := dict }}
{{- range $name, $entry := $v.coordinators }}
{{- if $entry }}
{{- $_ := set $coordinators $name $entry }}
{{- end }}
{{- end }}
{{- $config := dict
      "coordinators" $coordinators
      "prometheus" (dict
        "url" $v.prometheus.url
        "auth" (include "trino-buffer-exporter.prometheusAuth" . | fromYaml)
        "tls" (include "trino-buffer-exporter.clientTls" (dict "tls" $v.prometheus.tls "peer" "prometheus") | fromYaml))
      "trinoAuth" (include "trino-buffer-exporter.trinoAuth" . | fromYaml)
      "tls" (include "trino-buffer-exporter.clientTls" (dict "tls" $v.tls "peer" "trino") | fromYaml)
      "forwardedProto" $v.forwardedProto
      "workerMapping" $v.workerMapping
      "kubernetes" $v.kubernetes
      "workerHttpPort" (int64 $v.workerHttpPort)
      "ipToPodMetric" $v.ipToPodMetric
      "pollIntervalSeconds" $v.pollIntervalSeconds
      "requestTimeoutSeconds" $v.requestTimeoutSeconds
      "staleAfterSeconds" $v.staleAfterSeconds
      "taskInfoUpdateIntervalSeconds" $v.taskInfoUpdateIntervalSeconds
      "maxResponseBytes" $v.maxResponseBytes
      "compression" $v.compression
      "strict" $v.strict
      "bindAddress" $v.bindAddress
      "metricsPort" (int64 $v.metricsPort)
      "logging" $v.logging
      "shutdownGraceSeconds" $v.shutdownGraceSeconds }}
{{- if $v.serverTls.existingSecret }}
{{- $_ := set $config "serverTls" (dict "certFile" "/etc/xtrinode/server-tls/tls.crt" "keyFile" "/etc/xtrinode/server-tls/tls.key") }}
{{- end }}
{{- if $v.snapshot.existingSecret }}
{{- $_ := set $config "snapshot" (dict "tokenFile" "/etc/xtrinode/snapshot/token") }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "trino-buffer-exporter.trinoAuth" -}}
{{- with .Values.trinoAuth }}
type: {{ .type }}
headerName: {{ .headerName | quote }}
headerValue: {{ .headerValue | quote }}
username: {{ .username | quote }}
{{- include "trino-buffer-exporter.credentialFiles" (dict "auth" . "peer" "trino") }}
{{- end }}
{{- end }}

{{- define "trino-buffer-exporter.prometheusAuth" -}}
{{- with .Values.prometheus.auth }}
type: {{ .type }}
username: {{ .username | quote }}
{{- include "trino-buffer-exporter.credentialFiles" (dict "auth" . "peer" "prometheus") }}
{{- end }}
{{- end }}

{{/* `username` is an optional key of the Secret: the file need not be there, the exporter then takes `username` above. */}}
{{- define "trino-buffer-exporter.credentialFiles" -}}
{{- if eq .auth.type "basic" }}
usernameFile: /etc/xtrinode/{{ .peer }}-auth/username
passwordFile: /etc/xtrinode/{{ .peer }}-auth/password
{{- else if eq .auth.type "bearer" }}
tokenFile: /etc/xtrinode/{{ .peer }}-auth/token
{{- end }}
{{- end }}

{{- define "trino-buffer-exporter.clientTls" -}}
insecureSkipVerify: {{ .tls.insecureSkipVerify }}
{{- if .tls.caSecret }}
caFile: /etc/xtrinode/{{ .peer }}-ca/ca.crt
{{- end }}
{{- if .tls.clientCertSecret }}
certFile: /etc/xtrinode/{{ .peer }}-client-cert/tls.crt
keyFile: /etc/xtrinode/{{ .peer }}-client-cert/tls.key
{{- end }}
{{- end }}
