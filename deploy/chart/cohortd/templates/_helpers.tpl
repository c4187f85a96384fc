{{- define "cohortd.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "cohortd.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "cohortd.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cohortd.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "cohortd.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cohortd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cohortd.labels" -}}
{{ include "cohortd.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "cohortd.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "cohortd.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "cohortd.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* What config says under these two names, or nothing: a section may be there and empty. */}}
{{- define "cohortd.setting" -}}
{{- $section := get (default dict (index . 0)) (index . 1) | default dict -}}
{{- $value := get $section (index . 2) -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $value -}}
{{- end -}}
{{- end -}}

{{/* shutdown.grace in whole seconds, read as the daemon reads it; its default is 30s. */}}
{{- define "cohortd.graceSeconds" -}}
{{- $grace := include "cohortd.setting" (list .Values.config "shutdown" "grace") | default "30s" -}}
{{- if not (regexMatch "^[0-9]{1,9}([.][0-9]{1,6})?(ms|s|m|h)$" $grace) -}}
{{- fail (printf "config.shutdown.grace: %s is no time; write a number with its unit, such as 30s" $grace) -}}
{{- end -}}
{{- $seconds := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 -}}
{{- $unit := regexFind "[a-z]+$" $grace -}}
{{- mulf (trimSuffix $unit $grace | float64) (get $seconds $unit) | ceil | int64 -}}
{{- end -}}

{{/* What the chart knows of the configuration; the user's own file comes after it and wins. */}}
{{- define "cohortd.ownConfig" -}}
admin:
  host: 0.0.0.0
  port: {{ .Values.adminPort }}
{{- if .Values.secrets.braze.existingSecret }}
braze:
  partner_api_key_file: /run/secrets/braze/{{ .Values.secrets.braze.partnerApiKey }}
  data_import_key_file: /run/secrets/braze/{{ .Values.secrets.braze.dataImportKey }}
{{- end }}
{{- end -}}

{{/* Where to it may connect: the ports of the values, and those that the configuration names. */}}
{{- define "cohortd.egressPorts" -}}
{{- $ports := .Values.networkPolicy.egressPorts -}}
{{- $servers := include "cohortd.setting" (list .Values.config "kafka" "bootstrap_servers") -}}
{{- $registry := include "cohortd.setting" (list .Values.config "schema_registry" "url") -}}
{{- range regexFindAll ":[0-9]+" (print $servers " " $registry) -1 -}}
{{- $ports = append $ports (trimPrefix ":" . | int) -}}
{{- end -}}
{{- $numbers := list -}}
{{- range $ports -}}
{{- $numbers = append $numbers (int .) -}}
{{- end -}}
{{- $numbers | uniq | toJson -}}
{{- end -}}
