{{/* What the Deployment's pod and the test's pod have in common. */}}

{{/*
The Secrets to mount, as a map of directory under /etc/xtrinode to {secret, keys}. Where keys are listed, a Secret
that lacks one keeps the pod from starting, with an event that names the key.
*/}}
{{- define "trino-buffer-exporter.secretMounts" -}}
{{- $v := .Values }}
{{- if ne $v.trinoAuth.type "header" }}
trino-auth: {secret: {{ $v.trinoAuth.existingSecret | quote }}, keys: []}
{{- end }}
{{- if ne $v.prometheus.auth.type "none" }}
prometheus-auth: {secret: {{ $v.prometheus.auth.existingSecret | quote }}, keys: []}
{{- end }}
{{- range $peer, $tls := dict "trino" $v.tls "prometheus" $v.prometheus.tls }}
{{- with $tls.caSecret }}
{{ $peer }}-ca: {secret: {{ . | quote }}, keys: [ca.crt]}
{{- end }}
{{- with $tls.clientCertSecret }}
{{ $peer }}-client-cert: {secret: {{ . | quote }}, keys: [tls.crt, tls.key]}
{{- end }}
{{- end }}
{{- with $v.serverTls.existingSecret }}
server-tls: {secret: {{ . | quote }}, keys: [tls.crt, tls.key]}
{{- end }}
{{- with $v.snapshot.existingSecret }}
snapshot: {secret: {{ . | quote }}, keys: [token]}
{{- end }}
{{- end }}

{{/* The modes are octal 0440, written in decimal because YAML 1.1 and 1.2 disagree about a leading zero. */}}
{{- define "trino-buffer-exporter.volumes" -}}
- name: config
  configMap:
    name: {{ include "trino-buffer-exporter.fullname" . | quote }}
{{- range $directory, $mount := include "trino-buffer-exporter.secretMounts" . | fromYaml }}
- name: {{ $directory }}
  secret:
    secretName: {{ $mount.secret | quote }}
    defaultMode: 288
    {{- with $mount.keys }}
    items:
      {{- range . }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
    {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The configuration is mounted as a directory, so that the Secrets' directories can lie beside it. */}}
{{- define "trino-buffer-exporter.volumeMounts" -}}
- name: config
  mountPath: /etc/xtrinode/config
  readOnly: true
{{- range $directory, $mount := include "trino-buffer-exporter.secretMounts" . | fromYaml }}
- name: {{ $directory }}
  mountPath: /etc/xtrinode/{{ $directory }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "trino-buffer-exporter.affinity" -}}
{{- $affinity := deepCopy .Values.affinity }}
{{- if .Values.nodeAffinity.requiredLabels }}
{{- $expressions := list }}
{{- range $label, $value := .Values.nodeAffinity.requiredLabels }}
{{- $values := list }}
{{- range (kindIs "slice" $value | ternary $value (list $value)) }}
{{- $values = append $values (toString .) }}
{{- end }}
{{- $expressions = append $expressions (dict "key" $label "operator" "In" "values" $values) }}
{{- end }}
{{- $required := dict "nodeSelectorTerms" (list (dict "matchExpressions" $expressions)) }}
{{- $nodeAffinity := merge (dict "requiredDuringSchedulingIgnoredDuringExecution" $required) (default dict $affinity.nodeAffinity) }}
{{- $_ := set $affinity "nodeAffinity" $nodeAffinity }}
{{- end }}
{{- with $affinity }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* Everything about a pod that does not depend on which container it runs. */}}
{{- define "trino-buffer-exporter.podSettings" -}}
serviceAccountName: {{ include "trino-buffer-exporter.serviceAccountName" . | quote }}
automountServiceAccountToken: {{ .Values.kubernetes.enabled }}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with include "trino-buffer-exporter.affinity" . }}
affinity:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
