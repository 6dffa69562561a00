{{- /* Names and labels. The rights' names are fixed, as there is one Idlewild in a cluster. */ -}}

{{- define "idlewild.selector" -}}
app.kubernetes.io/name: idlewild
app.kubernetes.io/instance: {{ .release.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "idlewild.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .release.Chart.Name .release.Chart.Version | replace "+" "_" }}
{{ include "idlewild.selector" . }}
app.kubernetes.io/version: {{ .release.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: idlewild
app.kubernetes.io/managed-by: {{ .release.Release.Service }}
{{- end }}

{{- define "idlewild.image" -}}
{{- $image := index .release.Values .component "image" -}}
{{- $name := printf "%s/%s" .release.Values.image.registry $image.repository -}}
{{- if $image.digest }}{{ $name }}@{{ $image.digest }}{{ else }}{{ $name }}:{{ $image.tag | default .release.Values.image.tag | default .release.Chart.AppVersion }}{{ end -}}
{{- end }}

{{- /* Where browsers find the portal, one address a line. */ -}}
{{- define "idlewild.portalUrls" -}}
{{- $portal := .Values.portal }}
{{- $urls := $portal.publicUrls }}
{{- if and (empty $urls) $portal.ingress.enabled }}
{{- range $portal.ingress.hosts }}
{{- $urls = append $urls (printf "%s://%s" (ternary "https" "http" (ne $portal.ingress.tlsSecret "")) .) }}
{{- end }}
{{- end }}
{{- join "\n" $urls }}
{{- end }}

{{- /* Flags out of a map: {"log-level": "info"} is --log-level=info, true is the flag alone, and null or false is none. */ -}}
{{- define "idlewild.flags" -}}
{{- range $flag, $value := . }}
{{- if kindIs "bool" $value }}
{{- if $value }}
- --{{ $flag }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
{{- /* Numbers out of files are floats, which Go writes as 1e+06 from a million on. */ -}}
{{- if kindIs "float64" $value }}{{ if eq $value (floor $value) }}{{ $value = int64 $value }}{{ end }}{{ end }}
- {{ printf "--%s=%v" $flag $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "idlewild.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "idlewild.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Where SELinux confines containers, as in RKE2 on RHEL, this type may write to the machine; elsewhere it is nothing. */ -}}
{{- define "idlewild.onTheMachine" -}}
seLinuxOptions:
  type: spc_t
{{- end }}

{{- define "idlewild.spread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "idlewild.selector" $ | nindent 6 }}
{{- end }}
{{- end }}

{{- /* What several Deployments say alike about where their pods run. */ -}}
{{- define "idlewild.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "idlewild.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: http }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: http }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: http }
  periodSeconds: 5
  timeoutSeconds: 3
{{- end }}

{{- /* Where the API server is differs from cluster to cluster, so its ports are open to any address. */ -}}
{{- define "idlewild.egress" -}}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - { port: {{ int . }}, protocol: TCP }
    {{- end }}
{{- end }}
