{{- define "fourplane.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "fourplane.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "fourplane.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "fourplane.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* What is not in a namespace has the release's in its name: two releases never share it. */}}
{{- define "fourplane.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "fourplane.fullname" .) }}
{{- end }}

{{- define "fourplane.workerRole" -}}
{{- include "fourplane.clusterName" . }}-worker
{{- end }}

{{- define "fourplane.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "fourplane.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "fourplane.signingKeySecret" -}}
{{- include "fourplane.fullname" . }}-signing-key
{{- end }}

{{- define "fourplane.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "fourplane.namespaces" -}}
{{- .Values.watchNamespaces | sortAlpha | toJson }}
{{- end }}

{{- define "fourplane.check" -}}
{{- if and .Values.clusterWide .Values.watchNamespaces }}
{{- fail "watchNamespaces: has no effect beside clusterWide: true; leave one of the two out" }}
{{- end }}
{{- if not (or .Values.clusterWide .Values.watchNamespaces) }}
{{- fail "watchNamespaces: name at least one namespace to serve, another than the release's, or set clusterWide: true" }}
{{- end }}
{{- if and (has .Release.Namespace .Values.watchNamespaces) (not .Values.allowOwnNamespace) }}
{{- fail (printf "watchNamespaces: %s is the release's own namespace, with the signing key in it, and who may write RuntimeDeployments there could run pods with that key; name other namespaces, or install the release into another one" .Release.Namespace) }}
{{- end }}
{{- if regexMatch "-(worker|engine)$" (include "fourplane.serviceAccount" .) }}
{{- fail "serviceAccount.name: names that end in -worker or -engine are those of runtimes' pods; choose another one" }}
{{- end }}
{{- end }}

{{- define "fourplane.selector" -}}
app.kubernetes.io/name: {{ include "fourplane.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "fourplane.labels" -}}
{{ include "fourplane.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "fourplane.subject" -}}
- kind: ServiceAccount
  name: {{ include "fourplane.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* The operator's rights in a namespace that it serves. */}}
{{- define "fourplane.operatorRules" -}}
- apiGroups: [fourplane.dev]
  resources: [runtimedeployments, modelroutes]
  verbs: [get, list, watch]
- apiGroups: [fourplane.dev]
  resources: [runtimedeployments/status, modelroutes/status]
  verbs: [patch]
- apiGroups: [fourplane.dev]
  resources: [configsnapshots, configshards]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [fourplane.dev]
  resources: [runtimeactivations]
  verbs: [get, list, watch, create, update]
- apiGroups: [fourplane.dev]
  resources: [workerreports]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services, serviceaccounts, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [{{ include "fourplane.workerRole" . }}]
  verbs: [bind]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}
