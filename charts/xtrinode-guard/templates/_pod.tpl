{{/* What the guard's pods, the cleanup's and the test's have in common. */}}

{{/*
The Secrets to mount, as a map of directory under /etc/xtrinode to {secret, keys}. Where keys are listed, a Secret
that lacks one keeps the pod from starting, with an event that names the key.
*/}}
{{- define "xtrinode-guard.secretMounts" -}}
{{- $v := .Values }}
path-secret: {secret: {{ include "xtrinode-guard.pathSecret" . | quote }}, keys: [secret]}
{{- if ne $v.tls.mode "selfManaged" }}
server-tls: {secret: {{ include "xtrinode-guard.certificateSecret" . | quote }}, keys: [tls.crt, tls.key]}
{{- end }}
{{- with $v.tls.clientCaSecret }}
client-ca: {secret: {{ . | quote }}, keys: [ca.crt]}
{{- end }}
{{- with $v.exporter.tokenSecret }}
exporter-token: {secret: {{ . | quote }}, keys: [token]}
{{- end }}
{{- with $v.exporter.caSecret }}
exporter-ca: {secret: {{ . | quote }}, keys: [ca.crt]}
{{- end }}
{{- if ne $v.trino.auth.type "header" }}
trino-auth: {secret: {{ $v.trino.auth.existingSecret | quote }}, keys: []}
{{- end }}
{{- with $v.drain.passwordSecret }}
drain-auth: {secret: {{ . | quote }}, keys: [password]}
{{- end }}
{{- range $peer, $tls := dict "trino" $v.trino.tls "drain" $v.drain.tls }}
{{- with $tls.caSecret }}
{{ $peer }}-ca: {secret: {{ . | quote }}, keys: [ca.crt]}
{{- end }}
{{- with $tls.clientCertSecret }}
{{ $peer }}-client-cert: {secret: {{ . | quote }}, keys: [tls.crt, tls.key]}
{{- end }}
{{- end }}
{{- end }}

{{/* The modes are octal 0440, written in decimal because YAML 1.1 and 1.2 disagree about a leading zero. */}}
{{- define "xtrinode-guard.volumes" -}}
- name: config
  configMap:
    name: {{ include "xtrinode-guard.fullname" . | quote }}
{{- range $directory, $mount := include "xtrinode-guard.secretMounts" . | fromYaml }}
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
{{- define "xtrinode-guard.volumeMounts" -}}
- name: config
  mountPath: /etc/xtrinode/config
  readOnly: true
{{- range $directory, $mount := include "xtrinode-guard.secretMounts" . | fromYaml }}
- name: {{ $directory }}
  mountPath: /etc/xtrinode/{{ $directory }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Everything about a pod that does not depend on which container it runs. */}}
{{- define "xtrinode-guard.podSettings" -}}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Who a pod is: its replica's name, and the namespace of the installation. */}}
{{- define "xtrinode-guard.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.topologySpread" -}}
{{- if .Values.topologySpreadConstraints }}
{{- toYaml .Values.topologySpreadConstraints }}
{{- else }}
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  # A guard beside another is better than a guard that waits for a node.
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "xtrinode-guard.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* Over nodes: as a spread constraint it would count for nothing where nodes have no zone, since the scheduler passes over
     nodes that lack any of the keys. */}}
{{- define "xtrinode-guard.affinity" -}}
{{- with .Values.affinity }}
{{- toYaml . }}
{{ end }}
{{- if not .Values.affinity.podAntiAffinity }}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "xtrinode-guard.selectorLabels" . | nindent 12 }}
{{- end }}
{{- end }}
