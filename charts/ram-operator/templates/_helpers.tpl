{{/* The chart's name, or what nameOverride says. */}}
{{- define "ram-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of what is installed: the release's, with the chart's added unless it is in it already. */}}
{{- define "ram-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ram-operator.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "ram-operator.labels" -}}
helm.sh/chart: {{ include "ram-operator.chart" . }}
{{ include "ram-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A Deployment's selector can't be changed: nothing that may change goes in here. */}}
{{- define "ram-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ram-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ram-operator.serviceAccountName" -}}
{{- default (include "ram-operator.fullname" .) (.Values.serviceAccount).name }}
{{- end }}

{{- define "ram-operator.image" -}}
{{- $image := .Values.image | default dict }}
{{- if $image.digest }}
{{- printf "%s@%s" (default "ram-operator" $image.repository) $image.digest }}
{{- else }}
{{- printf "%s:%s" (default "ram-operator" $image.repository) (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{/* replicas, of which null means the default: 0 counts. */}}
{{- define "ram-operator.replicas" -}}
{{- if kindIs "invalid" .Values.replicas }}2{{ else }}{{ int .Values.replicas }}{{ end }}
{{- end }}

{{/* A value that is on unless it says no: null means the default. */}}
{{- define "ram-operator.on" -}}
{{- if or (kindIs "invalid" .) . }}yes{{ end }}
{{- end }}

{{/* Whether the replicas elect a leader. */}}
{{- define "ram-operator.elects" -}}
{{- include "ram-operator.on" (.Values.leaderElection).enabled }}
{{- end }}

{{/* The settings as environment variables. What is null or "" is left to the operator's own default; an empty list is none. */}}
{{- define "ram-operator.settings" -}}
{{- range $name, $value := .Values.settings }}
{{- if kindIs "slice" $value }}
{{- $value = join "," $value | default "none" }}
{{- else if kindIs "float64" $value }}
{{- $value = int64 $value }}
{{- end }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- name: RAM_OPERATOR_{{ $name | snakecase | upper }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the cloud is: region, endpoints and proxy, as environment variables. */}}
{{- define "ram-operator.cloud" -}}
{{- $cloud := .Values.cloud | default dict }}
{{- with $cloud.region }}
- name: RAM_OPERATOR_REGION
  value: {{ . | quote }}
{{- end }}
{{- range $product, $endpoint := $cloud.endpoints }}
{{- with $endpoint }}
- name: RAM_OPERATOR_ENDPOINT_{{ upper $product }}
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with $cloud.httpsProxy }}
- name: RAM_OPERATOR_HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with $cloud.noProxy }}
- name: RAM_OPERATOR_NO_PROXY
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}

{{/* Where the credentials come from, as environment variables. */}}
{{- define "ram-operator.credentials" -}}
{{- $credentials := (.Values.cloud).credentials | default dict }}
{{- $rrsa := $credentials.rrsa | default dict }}
{{- if $credentials.secretName }}
- name: RAM_OPERATOR_CREDENTIALS_DIR
  value: /var/run/secrets/ram-operator
{{- else if $rrsa.roleArn }}
- name: RAM_OPERATOR_CREDENTIALS_SOURCE
  value: oidc
- name: RAM_OPERATOR_ROLE_ARN
  value: {{ $rrsa.roleArn | quote }}
- name: RAM_OPERATOR_OIDC_PROVIDER_ARN
  value: {{ $rrsa.oidcProviderArn | quote }}
- name: RAM_OPERATOR_OIDC_TOKEN_FILE
  value: /var/run/secrets/ram-operator-token/token
{{- with $rrsa.sessionName }}
- name: RAM_OPERATOR_ROLE_SESSION_NAME
  value: {{ . | quote }}
{{- end }}
{{- with $rrsa.sessionPolicy }}
- name: RAM_OPERATOR_SESSION_POLICY
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The ports that the operator calls, as a list of JSON: HTTPS, those of the API server, and those of other endpoints. */}}
{{- define "ram-operator.ports" -}}
{{- $cloud := .Values.cloud | default dict }}
{{- $ports := list 443 }}
{{- range (.Values.networkPolicy).apiServerPorts }}
{{- $ports = append $ports (int .) }}
{{- end }}
{{- range $address := append (values ($cloud.endpoints | default dict)) $cloud.httpsProxy }}
{{- with $address }}
{{- $port := regexFind ":[0-9]+/?$" . | trimPrefix ":" | trimSuffix "/" }}
{{- $ports = append $ports (int (default (ternary 80 443 (hasPrefix "http://" .)) $port)) }}
{{- end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* What can't be said in values.schema.json, or would be said there in words that help nobody. */}}
{{- define "ram-operator.check" -}}
{{- $replicas := include "ram-operator.replicas" . | int }}
{{- $image := .Values.image | default dict }}
{{- if and (gt $replicas 1) (not (include "ram-operator.elects" .)) }}
{{- fail "replicas: without election two operators would work against each other; write --set replicas=1, or leave leaderElection.enabled on" }}
{{- end }}
{{- if and $image.repository (not (regexMatch "^[a-z0-9]([a-z0-9._/:-]*[a-z0-9])?$" $image.repository)) }}
{{- fail (printf "image.repository: %q is no name of an image; write the registry and name that you pushed it under, in lower case and without a tag: --set image.repository=registry.example.com/team/ram-operator" $image.repository) }}
{{- end }}
{{- $env := list }}
{{- range .Values.extraEnv }}
{{- $env = append $env .name }}
{{- end }}
{{- $credentials := (.Values.cloud).credentials | default dict }}
{{- $rrsa := $credentials.rrsa | default dict }}
{{- if and $credentials.secretName $rrsa.roleArn }}
{{- fail "cloud.credentials: secretName and rrsa.roleArn are two sources of one credential; leave out one of them" }}
{{- end }}
{{- if ne (empty $rrsa.roleArn) (empty $rrsa.oidcProviderArn) }}
{{- fail "cloud.credentials.rrsa: write both roleArn and oidcProviderArn" }}
{{- end }}
{{- $given := or $credentials.secretName $rrsa.roleArn (has "ALIBABA_CLOUD_ACCESS_KEY_ID" $env) (has "RAM_OPERATOR_CREDENTIALS_SOURCE" $env) }}
{{- if and (gt $replicas 0) (not $given) }}
{{- fail (printf "cloud.credentials: write rrsa.roleArn and rrsa.oidcProviderArn, or name in secretName the Secret with the operator's AccessKey; this makes one: kubectl -n %s create secret generic ram-operator-credentials --from-file=accessKeyId=FILE --from-file=accessKeySecret=FILE" .Release.Namespace) }}
{{- end }}
{{- end }}
