{{/*
The webhooks of the configurations, as `xtrinode manifests webhooks` prints them for the same settings; a test compares.
*/}}

{{/* The clusters whose pods have not the usual labels, as a map of names to {workers, coordinators}. */}}
{{- define "xtrinode-guard.ownLabels" -}}
{{- $found := dict }}
{{- range $name, $entry := include "xtrinode-guard.coordinators" . | fromYaml }}
{{- $own := dict }}
{{- range $role, $selector := dict "workers" $entry.workerSelector "coordinators" $entry.coordinatorSelector }}
{{- if $selector }}
{{- if not (has (get $selector "app.kubernetes.io/component") (list "worker" "coordinator")) }}
{{- $_ := set $own $role $selector }}
{{- end }}
{{- end }}
{{- end }}
{{- if $own }}
{{- $_ := set $found $name $own }}
{{- end }}
{{- end }}
{{- toYaml $found }}
{{- end }}

{{/* The names of all webhook configurations, as {validating: [...], mutating: [...]}. */}}
{{- define "xtrinode-guard.webhookNames" -}}
{{- $prefix := include "xtrinode-guard.fullname" . }}
validating:
{{- range $mode := list "audit" "enforce" }}
  - {{ printf "%s-%s" $prefix $mode }}
  {{- range $cluster, $own := include "xtrinode-guard.ownLabels" $ | fromYaml }}
  - {{ printf "%s-%s-%s" $prefix $mode $cluster }}
  {{- end }}
{{- end }}
mutating: [{{ if .Values.clamp.enabled }}{{ $prefix }}-clamp{{ end }}]
{{- end }}

{{/* {root, mode}: the namespaces that a mode's configuration serves. */}}
{{- define "xtrinode-guard.namespaceSelector" -}}
matchExpressions:
  - key: xtrinode.io/guard
    operator: In
    values:
      - {{ .mode }}
      {{- if eq .mode .root.Values.mode }}
      - enabled
      {{- end }}
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values:
      - {{ .root.Release.Namespace }}
      - kube-system
      - kube-node-lease
  {{- with .root.Values.rbac.namespaces }}
  - key: kubernetes.io/metadata.name
    operator: In
    values:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}

{{/* {root, path}: where to ask. */}}
{{- define "xtrinode-guard.clientConfig" -}}
{{- $path := printf "/%s%s" .secret .path }}
{{- if .root.Values.webhook.url }}
url: {{ printf "%s%s" (trimSuffix "/" .root.Values.webhook.url) $path | quote }}
{{- else }}
service:
  name: {{ include "xtrinode-guard.fullname" .root }}
  namespace: {{ .root.Release.Namespace }}
  path: {{ $path | quote }}
  port: 443
{{- end }}
{{- if and (eq .root.Values.tls.mode "existingSecret") .root.Values.tls.caBundle }}
caBundle: {{ .root.Values.tls.caBundle | quote }}
{{- end }}
{{- end }}

{{/*
{root, mode, name, blocks, live}: what happens while nobody answers. With certificates of its own the guard's leader
decides once its chain was verified: what is there already stays, so that an upgrade does not open the door.
*/}}
{{- define "xtrinode-guard.failurePolicy" -}}
{{- if not (and .blocks (eq .mode "enforce")) }}
{{- "Ignore" }}
{{- else if eq .root.Values.tls.mode "selfManaged" }}
{{- $policy := "Ignore" }}
{{- range .live.webhooks }}
{{- if eq .name $.name }}
{{- $policy = .failurePolicy }}
{{- end }}
{{- end }}
{{- $policy }}
{{- else }}
{{- "Fail" }}
{{- end }}
{{- end }}

{{/* {root, mode, secret, live, name, path, blocks}: what all entries have in common. */}}
{{- define "xtrinode-guard.webhook" -}}
name: {{ .name }}
admissionReviewVersions: [v1]
clientConfig:
  {{- include "xtrinode-guard.clientConfig" . | trim | nindent 2 }}
failurePolicy: {{ include "xtrinode-guard.failurePolicy" . }}
matchPolicy: Equivalent
namespaceSelector:
  {{- include "xtrinode-guard.namespaceSelector" . | nindent 2 }}
sideEffects: NoneOnDryRun
timeoutSeconds: {{ .root.Values.bounds.webhook.timeoutSeconds }}
{{- end }}

{{- define "xtrinode-guard.usualLabels" -}}
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values: [worker, coordinator]
{{- end }}

{{- define "xtrinode-guard.evictionRules" -}}
- apiGroups: [""]
  apiVersions: [v1]
  operations: [CREATE]
  resources: [pods/eviction]
  scope: Namespaced
{{- end }}

{{- define "xtrinode-guard.podDeleteRules" -}}
- apiGroups: [""]
  apiVersions: [v1]
  operations: [DELETE]
  resources: [pods]
  scope: Namespaced
{{- end }}

{{- define "xtrinode-guard.scaleRules" -}}
- apiGroups: [apps]
  apiVersions: [v1]
  operations: [UPDATE]
  resources: [deployments/scale, statefulsets/scale, replicasets/scale]
  scope: Namespaced
{{- end }}

{{- define "xtrinode-guard.workloadRules" -}}
- apiGroups: [apps]
  apiVersions: [v1]
  operations: [UPDATE, DELETE]
  resources: [deployments, statefulsets, replicasets]
  scope: Namespaced
{{- end }}

{{- define "xtrinode-guard.namespaceRules" -}}
- apiGroups: [""]
  apiVersions: [v1]
  operations: [DELETE]
  resources: [namespaces]
  scope: Cluster
{{- end }}

{{/* An expression that fails would refuse the request, so each asks `has` before it reads. */}}
{{- define "xtrinode-guard.podDeleteConditions" -}}
- name: not-terminating
  expression: "!has(oldObject.metadata.deletionTimestamp)"
- name: not-a-kubelet
  expression: "!(has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups)"
- name: not-a-collector
  expression: "!(request.userInfo.username in ['system:serviceaccount:kube-system:pod-garbage-collector', 'system:serviceaccount:kube-system:namespace-controller'])"
{{- end }}

{{- define "xtrinode-guard.scaleConditions" -}}
- name: fewer-replicas
  expression: "(has(object.spec) && has(object.spec.replicas) ? object.spec.replicas : 0) < (has(oldObject.spec) && has(oldObject.spec.replicas) ? oldObject.spec.replicas : 0)"
{{- end }}

{{/* The argument is the role: "worker", "coordinator", or "" where the label tells. */}}
{{- define "xtrinode-guard.workloadConditions" -}}
{{- $fewer := "request.operation == 'DELETE' || (has(object.spec.replicas) ? object.spec.replicas : 1) < (has(oldObject.spec.replicas) ? oldObject.spec.replicas : 1)" }}
{{- $template := "object.spec.template != oldObject.spec.template" }}
{{- $labelled := "[object, oldObject].exists(it, has(it.metadata.labels) && 'app.kubernetes.io/component' in it.metadata.labels && it.metadata.labels['app.kubernetes.io/component'] == 'coordinator')" }}
- name: not-a-rollout
  expression: "!(request.resource.resource == 'replicasets' && request.userInfo.username in ['system:serviceaccount:kube-system:deployment-controller', 'system:kube-controller-manager'])"
- name: loses-pods
  {{- if eq . "worker" }}
  expression: {{ $fewer | quote }}
  {{- else if eq . "coordinator" }}
  expression: {{ printf "%s || %s" $fewer $template | quote }}
  {{- else }}
  expression: {{ printf "%s || (%s && %s)" $fewer $labelled $template | quote }}
  {{- end }}
{{- end }}

{{- define "xtrinode-guard.usualWebhooks" -}}
- {{- include "xtrinode-guard.webhook" (merge (dict "name" "eviction.guard.xtrinode.io" "path" "/validate/eviction" "blocks" true) .) | nindent 2 }}
  rules:
    {{- include "xtrinode-guard.evictionRules" . | nindent 4 }}
- {{- include "xtrinode-guard.webhook" (merge (dict "name" "pod-delete.guard.xtrinode.io" "path" "/validate/pod-delete" "blocks" true) .) | nindent 2 }}
  objectSelector:
    {{- include "xtrinode-guard.usualLabels" . | nindent 4 }}
  rules:
    {{- include "xtrinode-guard.podDeleteRules" . | nindent 4 }}
  matchConditions:
    {{- include "xtrinode-guard.podDeleteConditions" . | nindent 4 }}
- {{- include "xtrinode-guard.webhook" (merge (dict "name" "scale.guard.xtrinode.io" "path" "/validate/scale" "blocks" true) .) | nindent 2 }}
  rules:
    {{- include "xtrinode-guard.scaleRules" . | nindent 4 }}
  matchConditions:
    {{- include "xtrinode-guard.scaleConditions" . | nindent 4 }}
- {{- include "xtrinode-guard.webhook" (merge (dict "name" "workload.guard.xtrinode.io" "path" "/validate/workload" "blocks" true) .) | nindent 2 }}
  objectSelector:
    {{- include "xtrinode-guard.usualLabels" . | nindent 4 }}
  rules:
    {{- include "xtrinode-guard.workloadRules" . | nindent 4 }}
  matchConditions:
    {{- include "xtrinode-guard.workloadConditions" "" | trim | nindent 4 }}
- {{- include "xtrinode-guard.webhook" (merge (dict "name" "namespace.guard.xtrinode.io" "path" "/validate/namespace" "blocks" false) .) | nindent 2 }}
  rules:
    {{- include "xtrinode-guard.namespaceRules" . | nindent 4 }}
{{- end }}

{{/* {…, own}: the entries of a cluster with labels of its own. What the usual ones select too is left to them. */}}
{{- define "xtrinode-guard.ownWebhooks" -}}
{{- range $number, $role := list "worker" "coordinator" }}
{{- with get $.own (printf "%ss" $role) }}
{{- $number := add1 $number }}
{{- $objects := dict "matchLabels" . "matchExpressions" (list (dict "key" "app.kubernetes.io/component" "operator" "NotIn" "values" (list "worker" "coordinator"))) }}
- {{- include "xtrinode-guard.webhook" (merge (dict "name" (printf "pod-delete-%d.guard.xtrinode.io" $number) "path" "/validate/pod-delete" "blocks" true) $) | nindent 2 }}
  objectSelector:
    {{- toYaml $objects | nindent 4 }}
  rules:
    {{- include "xtrinode-guard.podDeleteRules" $ | nindent 4 }}
  matchConditions:
    {{- include "xtrinode-guard.podDeleteConditions" $ | nindent 4 }}
- {{- include "xtrinode-guard.webhook" (merge (dict "name" (printf "workload-%d.guard.xtrinode.io" $number) "path" "/validate/workload" "blocks" true) $) | nindent 2 }}
  objectSelector:
    {{- toYaml $objects | nindent 4 }}
  rules:
    {{- include "xtrinode-guard.workloadRules" $ | nindent 4 }}
  matchConditions:
    {{- include "xtrinode-guard.workloadConditions" $role | trim | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.clampWebhooks" -}}
- {{- include "xtrinode-guard.webhook" (merge (dict "name" "mutate-scale.guard.xtrinode.io" "path" "/mutate/scale" "blocks" false "mode" "enforce") .) | nindent 2 }}
  reinvocationPolicy: Never
  rules:
    {{- include "xtrinode-guard.scaleRules" . | nindent 4 }}
  matchConditions:
    {{- include "xtrinode-guard.scaleConditions" . | nindent 4 }}
{{- end }}

{{- define "xtrinode-guard.webhookMetadata" -}}
name: {{ .name | quote }}
labels:
  {{- include "xtrinode-guard.labels" .root | nindent 2 }}
{{- $annotations := deepCopy .root.Values.webhook.annotations }}
{{- if eq .root.Values.tls.mode "certManager" }}
{{- $_ := set $annotations "cert-manager.io/inject-ca-from" (printf "%s/%s" .root.Release.Namespace (include "xtrinode-guard.fullname" .root)) }}
{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
