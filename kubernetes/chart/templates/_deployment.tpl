{{/* The pods of one version. The comments of kubernetes/mock-service-pod.yaml explain the settings. */}}
{{- define "meshmock.deployment" }}
{{- $values := .root.Values }}
{{- $version := .version }}
{{- $annotations := dict "prometheus.io/scrape" "true" "prometheus.io/port" "9464" "prometheus.io/path" "/metrics" }}
{{- $_ := set $annotations "sidecar.istio.io/nativeSidecar" "true" }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}-{{ .version.version }}
  labels: {{- include "meshmock.labels" . | nindent 4 }}
    {{- include "meshmock.objectLabels" .root | nindent 4 }}
    version: {{ .version.version | quote }}
    app.kubernetes.io/version: {{ .version.version | quote }}
spec:
  replicas: {{ .version.replicas | default 1 }}
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      app: {{ .name | quote }}
      version: {{ .version.version | quote }}
  template:
    metadata:
      labels: {{- include "meshmock.labels" . | nindent 8 }}
        {{- include "meshmock.releaseLabels" .root | nindent 8 }}
        version: {{ .version.version | quote }}
        app.kubernetes.io/version: {{ .version.version | quote }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations: {{- merge (deepCopy $values.podAnnotations) $annotations | toYaml | nindent 8 }}
    spec:
      serviceAccountName: {{ .name | quote }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 40
      {{- with $values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext: {{- include "meshmock.podSecurity" . | nindent 8 }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app.kubernetes.io/part-of: meshmock
          matchLabelKeys:
            - pod-template-hash
      containers:
        - name: meshmock
          image: {{ include "meshmock.image" .root }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          ports:
            - name: http
              containerPort: 8080
            - name: grpc
              containerPort: 9090
            - name: http-metrics
              containerPort: 9464
          env:
            - name: MESHMOCK_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.labels['app']
            - name: MESHMOCK_SERVICE_VERSION
              valueFrom:
                fieldRef:
                  fieldPath: metadata.labels['version']
            - name: MESHMOCK_POD
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
            - name: MESHMOCK_NAMESPACE
              valueFrom:
                fieldRef:
                  fieldPath: metadata.namespace
            - name: MESHMOCK_NODE
              valueFrom:
                fieldRef:
                  fieldPath: spec.nodeName
            - name: MESHMOCK_ZONE
              {{- with .version.zone }}
              value: {{ include "meshmock.literal" . }}
              {{- else }}
              valueFrom:
                fieldRef:
                  fieldPath: metadata.labels['topology.kubernetes.io/zone']
              {{- end }}
            - name: MESHMOCK_DRAIN
              value: 5s
            - name: MESHMOCK_METRICS
              value: :9464
            - name: POD_UID
              valueFrom:
                fieldRef:
                  fieldPath: metadata.uid
            - name: OTEL_RESOURCE_ATTRIBUTES
              value: k8s.pod.name=$(MESHMOCK_POD),k8s.pod.uid=$(POD_UID),k8s.namespace.name=$(MESHMOCK_NAMESPACE),k8s.node.name=$(MESHMOCK_NODE),k8s.deployment.name=$(MESHMOCK_NAME)-$(MESHMOCK_SERVICE_VERSION),service.version=$(MESHMOCK_SERVICE_VERSION),service.instance.id=$(POD_UID)
            {{- range $setting := list "behaviour" "content" "upstream" }}
            {{- with get $version $setting }}
            - name: MESHMOCK_{{ upper $setting }}
              value: {{ include "meshmock.literal" . }}
            {{- end }}
            {{- end }}
            {{- with $values.allowTargets }}
            - name: MESHMOCK_ALLOW_TARGET
              value: {{ include "meshmock.literal" (join " " .) }}
            {{- end }}
            {{- with $values.denyTargets }}
            - name: MESHMOCK_DENY_TARGET
              value: {{ include "meshmock.literal" (join " " .) }}
            {{- end }}
            {{- with $values.spansTo }}
            - name: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
              value: {{ include "meshmock.literal" (printf "%s/v1/traces" (trimSuffix "/" . | trimSuffix "/v1/traces")) }}
            - name: OTEL_SEMCONV_STABILITY_OPT_IN
              value: http/dup,rpc/dup
            - name: ISTIO_META_CLUSTER_ID
              value: Kubernetes
            - name: ISTIO_META_MESH_ID
              value: cluster.local
            {{- end }}
            {{- with $values.env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          startupProbe:
            httpGet:
              path: /-/healthy
              port: http
            periodSeconds: 1
            failureThreshold: 60
          readinessProbe:
            httpGet:
              path: /-/ready
              port: http
            periodSeconds: 2
            failureThreshold: 2
          livenessProbe:
            httpGet:
              path: /-/healthy
              port: http
            periodSeconds: 5
            timeoutSeconds: 3
            terminationGracePeriodSeconds: 10
          lifecycle:
            preStop:
              sleep:
                seconds: 5
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext: {{- include "meshmock.containerSecurity" . | nindent 12 }}
{{- end }}
