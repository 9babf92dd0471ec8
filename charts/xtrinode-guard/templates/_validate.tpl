{{/*
What values.schema.json can't say: rules between values. All problems are reported at once. What only the guard's own
settings say together, the guard says itself, and does not start.
*/}}
{{- define "xtrinode-guard.validate" -}}
{{- $problems := include "xtrinode-guard.problems" . | fromYamlArray }}
{{- if $problems }}
{{- fail (printf "\n\nvalues of chart %s:\n- %s\n" .Chart.Name (join "\n- " $problems)) }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.problems" -}}
{{- include "xtrinode-guard.placeProblems" . }}
{{- include "xtrinode-guard.tlsProblems" . }}
{{- include "xtrinode-guard.credentialProblems" . }}
{{- include "xtrinode-guard.timeProblems" . }}
{{- end }}

{{- define "xtrinode-guard.placeProblems" -}}
{{- if has .Release.Namespace (list "kube-system" "kube-node-lease") }}
- "the release's namespace is {{ .Release.Namespace }}: install the guard into one of its own, such as xtrinode-system"
{{- end }}
{{- if has .Release.Namespace .Values.rbac.namespaces }}
- "rbac.namespaces has {{ .Release.Namespace }}, the guard's own namespace, which is never guarded: run Trino in another"
{{- end }}
{{- with .Values }}
{{- if eq (int .webhook.port) (int .adminPort) }}
- "adminPort is {{ .adminPort }}, which is webhook.port: give another"
{{- end }}
{{- if and .hostNetwork .networkPolicy.enabled .networkPolicy.trinoNamespaces }}
- "networkPolicy.trinoNamespaces lets the guard's pods in, and with hostNetwork its requests come from the nodes' addresses, which no pod selector matches: leave it empty, and allow those addresses (ipBlock) by a policy of your own in these namespaces"
{{- end }}
{{- if and (not .serviceAccount.create) (not .serviceAccount.name) }}
- "serviceAccount.create is false and serviceAccount.name is empty: name an account of the guard's own"
{{- end }}
{{- end }}
{{- $coordinators := include "xtrinode-guard.coordinators" . | fromYaml }}
{{- if and (not .Values.discovery.enabled) (not $coordinators) }}
- "discovery.enabled is false and coordinators is empty: nothing would be guarded"
{{- end }}
{{- end }}

{{- define "xtrinode-guard.tlsProblems" -}}
{{- with .Values.tls }}
{{- if and (eq .mode "existingSecret") (not .existingSecret) }}
- "tls.mode is existingSecret, which needs tls.existingSecret: the name of a Secret with tls.crt and tls.key"
{{- end }}
{{- if and (ne .mode "existingSecret") .existingSecret }}
- "tls.existingSecret is set but tls.mode is {{ .mode }}: set tls.mode to existingSecret, or leave the Secret out"
{{- end }}
{{- if and (ne .mode "existingSecret") .caBundle }}
- "tls.caBundle is set but tls.mode is {{ .mode }}, which provides it: leave it out"
{{- end }}
{{- if and .clientNames (not .clientCaSecret) }}
- "tls.clientNames needs tls.clientCaSecret: a Secret with ca.crt"
{{- end }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.credentialProblems" -}}
{{- with .Values.trino.auth }}
{{- $key := get (dict "basic" "password" "bearer" "token") .type }}
{{- if and $key (not .existingSecret) }}
- "trino.auth.type is {{ .type }}, which needs trino.auth.existingSecret: the name of a Secret with a '{{ $key }}' key"
{{- end }}
{{- if and (eq .type "header") (ne (lower .headerName) "x-trino-user") (not .headerValue) }}
- "trino.auth.headerValue is empty: the header {{ .headerName }} needs a value (only X-Trino-User has a default)"
{{- end }}
{{- end }}
{{- with .Values.drain }}
{{- if and .passwordSecret (or (ne .scheme "https") .tls.insecureSkipVerify) }}
- "drain.passwordSecret is set: a password goes to workers over verified TLS only, so set drain.scheme to https and drain.tls.insecureSkipVerify to false"
{{- end }}
{{- end }}
{{- end }}

{{- define "xtrinode-guard.timeProblems" -}}
{{- with .Values }}
{{- $stop := addf .lameDuckSeconds .shutdownGraceSeconds }}
{{- if le (float64 .terminationGracePeriodSeconds) $stop }}
- "terminationGracePeriodSeconds is {{ .terminationGracePeriodSeconds }}, which must exceed lameDuckSeconds and shutdownGraceSeconds together ({{ $stop }})"
{{- end }}
{{- if le (float64 .bounds.webhook.timeoutSeconds) (float64 .bounds.webhook.deadlineSeconds) }}
- "bounds.webhook.timeoutSeconds is {{ .bounds.webhook.timeoutSeconds }}, which must exceed bounds.webhook.deadlineSeconds ({{ .bounds.webhook.deadlineSeconds }})"
{{- end }}
{{- end }}
{{- end }}
