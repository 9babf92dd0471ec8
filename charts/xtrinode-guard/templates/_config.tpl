{{/*
The guard's configuration file. Secrets are named by path only; their content never passes through Helm, but for the
webhooks' path, which the webhook configurations show anyway. Keys left out take the guard's own defaults, which are
the chart's.
*/}}
{{- define "xtrinode-guard.config" -}}
{{- $v := .Values }}
{{- $tls := dict "pathSecretFile" "/etc/xtrinode/path-secret/secret" "clientNames" $v.tls.clientNames }}
{{- if eq $v.tls.mode "selfManaged" }}
{{- $_ := set $tls "selfManaged" $v.tls.selfManaged }}
{{- else }}
{{- $_ := set $tls "files" (dict "certFile" "/etc/xtrinode/server-tls/tls.crt" "keyFile" "/etc/xtrinode/server-tls/tls.key") }}
{{- end }}
{{- if $v.tls.clientCaSecret }}
{{- $_ := set $tls "clientCaFile" "/etc/xtrinode/client-ca/ca.crt" }}
{{- end }}
{{- $config := dict
      "mode" $v.mode
      "bindAddress" $v.bindAddress
      "webhookPort" (int64 $v.webhook.port)
      "adminPort" (int64 $v.adminPort)
      "tls" $tls
      "webhookUrl" $v.webhook.url
      "release" (include "xtrinode-guard.fullname" .)
      "namespace" .Release.Namespace
      "leaderElection" $v.leaderElection
      "namespaces" $v.rbac.namespaces
      "discovery" $v.discovery
      "coordinators" (include "xtrinode-guard.coordinators" . | fromYaml)
      "exporter" (include "xtrinode-guard.exporterConfig" . | fromYaml)
      "trino" (include "xtrinode-guard.trinoConfig" . | fromYaml)
      "drain" (include "xtrinode-guard.drainConfig" . | fromYaml)
      "bounds" $v.bounds
      "floor" $v.floor
      "hints" $v.hints
      "clamp" $v.clamp
      "cordon" $v.cordon
      "deletionCandidate" $v.deletionCandidate
      "operatorIdentity" $v.operatorIdentity
      "logging" $v.logging
      "lameDuckSeconds" $v.lameDuckSeconds
      "shutdownGraceSeconds" $v.shutdownGraceSeconds }}
{{- toYaml $config }}
{{- end }}

{{- define "xtrinode-guard.exporterConfig" -}}
{{- with .Values.exporter }}
url: {{ .url | quote }}
{{- if .tokenSecret }}
tokenFile: /etc/xtrinode/exporter-token/token
{{- end }}
{{- if .caSecret }}
caFile: /etc/xtrinode/exporter-ca/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.trinoConfig" -}}
{{- with .Values.trino }}
auth:
  type: {{ .auth.type }}
  headerName: {{ .auth.headerName | quote }}
  headerValue: {{ .auth.headerValue | quote }}
  username: {{ .auth.username | quote }}
  {{- if eq .auth.type "basic" }}
  usernameFile: /etc/xtrinode/trino-auth/username
  passwordFile: /etc/xtrinode/trino-auth/password
  {{- else if eq .auth.type "bearer" }}
  tokenFile: /etc/xtrinode/trino-auth/token
  {{- end }}
tls:
  {{- include "xtrinode-guard.clientTls" (dict "tls" .tls "peer" "trino") | nindent 2 }}
forwardedProto: {{ .forwardedProto | quote }}
workerHttpPort: {{ int64 .workerHttpPort }}
pollIntervalSeconds: {{ .pollIntervalSeconds }}
requestTimeoutSeconds: {{ .requestTimeoutSeconds }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.drainConfig" -}}
{{- with .Values.drain }}
user: {{ .user | quote }}
scheme: {{ .scheme }}
{{- if .passwordSecret }}
passwordFile: /etc/xtrinode/drain-auth/password
{{- end }}
{{- with .serverName }}
serverName: {{ . | quote }}
{{- end }}
tls:
  {{- include "xtrinode-guard.clientTls" (dict "tls" .tls "peer" "drain") | nindent 2 }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.clientTls" -}}
insecureSkipVerify: {{ .tls.insecureSkipVerify }}
{{- if .tls.caSecret }}
caFile: /etc/xtrinode/{{ .peer }}-ca/ca.crt
{{- end }}
{{- if .tls.clientCertSecret }}
certFile: /etc/xtrinode/{{ .peer }}-client-cert/tls.crt
keyFile: /etc/xtrinode/{{ .peer }}-client-cert/tls.key
{{- end }}
{{- end }}
