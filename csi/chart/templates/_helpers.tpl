{{- define "varve.labels" -}}
app.kubernetes.io/name: varve
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "varve.registry" -}}
{{- with .Values.registry }}{{ . }}/{{ end }}
{{- end }}

{{- define "varve.image" -}}
{{ include "varve.registry" . }}{{ .Values.image.name }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "varve.metadataDomain" -}}
varve-metadata.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{- define "varve.servers" -}}
{{- $servers := list }}
{{- range $i := until (int .Values.metadata.members) }}
{{- $servers = append $servers (printf "varve-metadata-%d.%s:7400" $i (include "varve.metadataDomain" $)) }}
{{- end }}
{{- join "," $servers }}
{{- end }}

{{- define "varve.members" -}}
metadata:
  members:
{{- range $i := until (int .Values.metadata.members) }}
{{- $host := printf "varve-metadata-%d.%s" $i (include "varve.metadataDomain" $) }}
    - {node: varve-metadata-{{ $i }}, raft: "{{ $host }}:7600", management: "{{ $host }}:7400"}
{{- end }}
{{- end }}

{{- define "varve.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A data pod sees all of its directory: the authority's key, which a member keeps in the metadata's, must not be there. */}}
{{- define "varve.apart" -}}
{{- if not .Values.metadata.storageClassName }}
{{- $metadata := printf "%s/" (clean .Values.metadata.directory | trimSuffix "/") }}
{{- $data := printf "%s/" (clean .Values.data.directory | trimSuffix "/") }}
{{- if or (hasPrefix $metadata $data) (hasPrefix $data $metadata) }}
{{- fail (printf "data.directory (%s) and metadata.directory (%s) are one, or one is in the other: data pods would see the authority's key" .Values.data.directory .Values.metadata.directory) }}
{{- end }}
{{- end }}
{{- end }}

{{/* For a container that touches nothing of the machine. */}}
{{- define "varve.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What hangs is ended soon: nobody asks whether the cluster can spare it. */}}
{{- define "varve.nodeProbes" -}}
startupProbe: {httpGet: {path: /health/live, port: metrics}, periodSeconds: 2, failureThreshold: 150, terminationGracePeriodSeconds: 40}
livenessProbe: {httpGet: {path: /health/live, port: metrics}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6, terminationGracePeriodSeconds: 40}
readinessProbe: {httpGet: {path: /health/ready, port: metrics}, periodSeconds: 3, timeoutSeconds: 3}
{{- end }}
