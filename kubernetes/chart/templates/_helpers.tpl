{{- define "meshmock.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
{{- end }}

{{/* The labels of a service's objects. Istio prefers the long names, Kiali the short ones. */}}
{{- define "meshmock.labels" -}}
app: {{ .name | quote }}
app.kubernetes.io/name: {{ .name | quote }}
app.kubernetes.io/part-of: meshmock
{{- end }}

{{/* The labels that Helm's documentation recommends besides. */}}
{{- define "meshmock.releaseLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{/* The labels of an object that is not a pod: a pod would start again for another version of the chart. */}}
{{- define "meshmock.objectLabels" -}}
{{ include "meshmock.releaseLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{/* The versions of a service, each completed with the settings of the service. */}}
{{- define "meshmock.versions" -}}
{{- $service := . -}}
{{- if and $service.versions $service.version -}}
{{- fail (printf "services: %s: either version or versions, which have their own" $service.name) -}}
{{- end -}}
{{- $common := pick $service "replicas" "behaviour" "content" "upstream" "zone" -}}
{{- $all := list -}}
{{- $names := list -}}
{{- range $service.versions | default (list (dict "version" ($service.version | default "v1"))) -}}
{{- $version := merge (deepCopy .) $common -}}
{{- if and $version.content $version.upstream -}}
{{- fail (printf "services: %s: one of upstream (a proxy) and content (a webserver)" $service.name) -}}
{{- end -}}
{{- if has $version.version $names -}}
{{- fail (printf "services: %s has version %s twice" $service.name $version.version) -}}
{{- end -}}
{{- $names = append $names $version.version -}}
{{- $all = append $all $version -}}
{{- end -}}
{{- toYaml $all -}}
{{- end }}

{{/* The additional ports of a service for one protocol: those of all services, and those that upstreams name. */}}
{{- define "meshmock.ports" -}}
{{- $ports := list -}}
{{- range index .values (printf "%sPorts" .protocol) -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- $name := .name -}}
{{- $schemes := eq .protocol "grpc" | ternary (dict "grpc" 9090) (dict "http" 80) -}}
{{- range .values.services -}}
{{- range include "meshmock.versions" . | fromYamlArray -}}
{{- $url := urlParse (.upstream | default "") -}}
{{- $host := splitList ":" $url.host -}}
{{- if and (hasKey $schemes $url.scheme) (eq (first $host) $name) -}}
{{- $ports = append $ports (len $host | eq 2 | ternary (last $host | int) (get $schemes $url.scheme)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $sorted := list -}}
{{- range $ports | uniq -}}
{{- $sorted = append $sorted (printf "%05d" (int .)) -}}
{{- end -}}
{{- range $sorted | sortAlpha -}}
{{- $port := atoi . -}}
{{- if not (has $port (list 8080 9090 9464)) }}
- name: {{ $.protocol }}-{{ $port }}
  port: {{ $port }}
  targetPort: {{ $.protocol }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Escapes a value: Kubernetes reads $(NAME) as a variable and $$ as a dollar. */}}
{{- define "meshmock.literal" -}}
{{ . | replace "$" "$$" | quote }}
{{- end }}

{{/* The settings that Pod Security "restricted" requires of a pod and of its container. */}}
{{- define "meshmock.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}
{{- define "meshmock.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}
