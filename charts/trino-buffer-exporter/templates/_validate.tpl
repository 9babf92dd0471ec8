{{/*
What values.schema.json can't say: rules between values. All problems are reported at once.
*/}}
{{- define "trino-buffer-exporter.validate" -}}
{{- $problems := include "trino-buffer-exporter.problems" . | fromYamlArray }}
{{- if $problems }}
{{- fail (printf "\n\nvalues of chart %s:\n- %s\n" .Chart.Name (join "\n- " $problems)) }}
{{- end }}
{{- end }}

{{- define "trino-buffer-exporter.problems" -}}
{{- include "trino-buffer-exporter.coordinatorProblems" . }}
{{- include "trino-buffer-exporter.authProblems" . }}
{{- with .Values }}
{{- if and (eq .workerMapping "kubernetes") (not .kubernetes.enabled) }}
- "workerMapping is kubernetes, which needs kubernetes.enabled: true"
{{- end }}
{{- if and (eq .workerMapping "prometheus") (not .prometheus.url) }}
- "workerMapping is prometheus, which needs prometheus.url"
{{- end }}
{{- if lt (float64 .staleAfterSeconds) (float64 .pollIntervalSeconds) }}
- "staleAfterSeconds is {{ .staleAfterSeconds }}, less than pollIntervalSeconds ({{ .pollIntervalSeconds }}): every series would come and go"
{{- end }}
{{- if le (float64 .terminationGracePeriodSeconds) (float64 .shutdownGraceSeconds) }}
- "terminationGracePeriodSeconds is {{ .terminationGracePeriodSeconds }}, which must exceed shutdownGraceSeconds ({{ .shutdownGraceSeconds }})"
{{- end }}
{{- if and .nodeAffinity.requiredLabels (dig "nodeAffinity" "requiredDuringSchedulingIgnoredDuringExecution" "" .affinity) }}
- "nodeAffinity.requiredLabels and affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution are both set: keep one"
{{- end }}
{{- if and .kubernetes.enabled .rbac.create (not .serviceAccount.create) (not .serviceAccount.name) }}
- "serviceAccount.create is false and serviceAccount.name is empty, so that kubernetes.enabled would grant pods of the whole namespace: name an account"
{{- end }}
{{- end }}
{{- end }}

{{- define "trino-buffer-exporter.coordinatorProblems" -}}
{{- $seen := dict }}
{{- $count := 0 }}
{{- range $name, $entry := .Values.coordinators }}
{{- if $entry }}
{{- $count = add1 $count }}
{{- if hasKey $seen $entry.release }}
- "coordinators.{{ $name }}.release repeats {{ $entry.release }} of coordinators.{{ get $seen $entry.release }}: the label could not tell their workers apart"
{{- end }}
{{- $_ := set $seen $entry.release $name }}
{{- end }}
{{- end }}
{{- if eq (int $count) 0 }}
- "coordinators is empty: name at least one, as coordinators.NAME: {url: ..., release: ...}"
{{- end }}
{{- end }}

{{- define "trino-buffer-exporter.authProblems" -}}
{{- with .Values.trinoAuth }}
{{- if and (eq .type "header") (ne (lower .headerName) "x-trino-user") (not .headerValue) }}
- "trinoAuth.headerValue is empty: the header {{ .headerName }} needs a value (only X-Trino-User has a default)"
{{- end }}
{{- end }}
{{- range $path, $auth := dict "trinoAuth" .Values.trinoAuth "prometheus.auth" .Values.prometheus.auth }}
{{- $key := get (dict "basic" "password" "bearer" "token") $auth.type }}
{{- if and $key (not $auth.existingSecret) }}
- "{{ $path }}.type is {{ $auth.type }}, which needs {{ $path }}.existingSecret: the name of a Secret with a '{{ $key }}' key"
{{- end }}
{{- end }}
{{- end }}
