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
{{- default (include "ram-operator.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "ram-operator.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* What can't be said in values.schema.json, or would be said there in words that help nobody. */}}
{{- define "ram-operator.check" -}}
{{- if gt (int .Values.replicas) 1 }}
{{- fail "replicas: write 1, or 0 to run the operator elsewhere; there is no leader election yet, and two operators would work against each other" }}
{{- end }}
{{- $env := list }}
{{- range .Values.extraEnv }}
{{- $env = append $env .name }}
{{- end }}
{{- if and (gt (int .Values.replicas) 0) (not .Values.cloud.credentials.secretName) (not (has "ALIBABA_CLOUD_ACCESS_KEY_ID" $env)) }}
{{- fail (printf "cloud.credentials.secretName: name the Secret with the operator's AccessKey: kubectl -n %s create secret generic ram-operator-credentials --from-literal=accessKeyId=... --from-literal=accessKeySecret=..., then --set cloud.credentials.secretName=ram-operator-credentials" .Release.Namespace) }}
{{- end }}
{{- end }}
