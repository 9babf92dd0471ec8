{{/* What the guard may do. A test holds the list of verbs. */}}

{{/* In the namespaces that it guards. */}}
{{- define "xtrinode-guard.guardedRules" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch]
# Only for pods that are drained and that nobody will ask for again.
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [apps]
  resources: [deployments, statefulsets, replicasets]
  verbs: [list, watch]
{{- if .Values.clamp.enabled }}
- apiGroups: [apps]
  resources: [deployments, statefulsets, replicasets]
  verbs: [patch]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* In no namespace. */}}
{{- define "xtrinode-guard.clusterRules" -}}
- apiGroups: [""]
  resources: [namespaces, nodes]
  verbs: [list, watch]
{{- $names := include "xtrinode-guard.webhookNames" . | fromYaml }}
{{- range $kind, $verb := dict "validating" "" "mutating" "" }}
{{- with get $names $kind }}
# Our own configurations: read for the metric, removed when the guard leaves{{ if eq $.Values.tls.mode "selfManaged" }}, completed with the authority{{ end }}.
- apiGroups: [admissionregistration.k8s.io]
  resources: [{{ $kind }}webhookconfigurations]
  resourceNames:
    {{- toYaml . | nindent 4 }}
  verbs: [get, delete{{ if eq $.Values.tls.mode "selfManaged" }}, patch{{ end }}]
{{- end }}
{{- end }}
{{- end }}

{{/* In its own namespace. */}}
{{- define "xtrinode-guard.ownRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "xtrinode-guard.fullname" . | quote }}]
  verbs: [get, patch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
{{- if eq .Values.tls.mode "selfManaged" }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "xtrinode-guard.certificateSecret" . | quote }}]
  verbs: [get, update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- end }}
{{- end }}
