/**
 * The messages of Kubernetes' protobuf that requests may bring, with the field numbers of its generated.proto
 * files (1.33). Read by protobuf-schema.ts.
 *
 * A field is its number, its name in JSON and its type; without a type it is text. `[]` is a list and `{}` a map of
 * the type. `...` is a message whose fields stand among those around it, and `-` a field that is passed over.
 * `?` is for what Go writes as 0 or false where nothing was said: so it is read as nothing.
 */
export const protobufMessages = `
Pod: 1 metadata ObjectMeta, 2 spec PodSpec, 3 status PodStatus
ObjectMeta: 1 name, 2 generateName, 3 namespace, 4 -, 5 uid, 6 resourceVersion, 7 generation number?,
  8 creationTimestamp time, 9 deletionTimestamp time, 10 deletionGracePeriodSeconds number, 11 labels {text},
  12 annotations {text}, 13 ownerReferences OwnerReference[], 14 finalizers text[], 17 -
OwnerReference: 1 kind, 3 name, 4 uid, 5 apiVersion, 6 controller flag, 7 blockOwnerDeletion flag
PodSpec: 1 volumes Volume[], 2 containers Container[], 3 restartPolicy,
  4 terminationGracePeriodSeconds number, 5 activeDeadlineSeconds number, 6 dnsPolicy, 7 nodeSelector {text},
  8 serviceAccountName, 9 serviceAccount, 10 nodeName, 11 hostNetwork flag?, 12 hostPID flag?,
  13 hostIPC flag?, 14 securityContext PodSecurityContext, 15 imagePullSecrets LocalObjectReference[],
  16 hostname, 17 subdomain, 18 affinity Affinity, 19 schedulerName, 20 initContainers Container[],
  21 automountServiceAccountToken flag, 22 tolerations Toleration[], 23 hostAliases HostAlias[],
  24 priorityClassName, 25 priority number, 26 dnsConfig PodDNSConfig, 27 shareProcessNamespace flag,
  28 readinessGates PodReadinessGate[], 29 runtimeClassName, 30 enableServiceLinks flag, 31 preemptionPolicy,
  32 overhead {quantity}, 33 topologySpreadConstraints TopologySpreadConstraint[],
  34 ephemeralContainers EphemeralContainer[], 35 setHostnameAsFQDN flag, 36 os PodOS, 37 hostUsers flag,
  38 schedulingGates PodSchedulingGate[], 40 resources ResourceRequirements
Volume: 1 name, 2 ...VolumeSource
VolumeSource: 1 hostPath HostPathVolumeSource, 2 emptyDir EmptyDirVolumeSource, 6 secret SecretVolumeSource,
  7 nfs NFSVolumeSource, 10 persistentVolumeClaim PersistentVolumeClaimVolumeSource,
  16 downwardAPI DownwardAPIVolumeSource, 19 configMap ConfigMapVolumeSource,
  26 projected ProjectedVolumeSource, 29 ephemeral EphemeralVolumeSource
HostPathVolumeSource: 1 path, 2 type
EmptyDirVolumeSource: 1 medium, 2 sizeLimit quantity
SecretVolumeSource: 1 secretName, 2 items KeyToPath[], 3 defaultMode number, 4 optional flag
KeyToPath: 1 key, 2 path, 3 mode number
NFSVolumeSource: 1 server, 2 path, 3 readOnly flag?
LocalObjectReference: 1 name
PersistentVolumeClaimVolumeSource: 1 claimName, 2 readOnly flag?
DownwardAPIVolumeSource: 1 items DownwardAPIVolumeFile[], 2 defaultMode number
DownwardAPIVolumeFile: 1 path, 2 fieldRef ObjectFieldSelector, 3 resourceFieldRef ResourceFieldSelector,
  4 mode number
ObjectFieldSelector: 1 apiVersion, 2 fieldPath
ResourceFieldSelector: 1 containerName, 2 resource, 3 divisor quantity
ConfigMapVolumeSource: 1 ...LocalObjectReference, 2 items KeyToPath[], 3 defaultMode number, 4 optional flag
ProjectedVolumeSource: 1 sources VolumeProjection[], 2 defaultMode number
VolumeProjection: 1 secret SecretProjection, 2 downwardAPI DownwardAPIProjection,
  3 configMap ConfigMapProjection, 4 serviceAccountToken ServiceAccountTokenProjection,
  5 clusterTrustBundle ClusterTrustBundleProjection
SecretProjection: 1 ...LocalObjectReference, 2 items KeyToPath[], 4 optional flag
DownwardAPIProjection: 1 items DownwardAPIVolumeFile[]
ConfigMapProjection: 1 ...LocalObjectReference, 2 items KeyToPath[], 4 optional flag
ServiceAccountTokenProjection: 1 audience, 2 expirationSeconds number, 3 path
ClusterTrustBundleProjection: 1 name, 2 signerName, 3 labelSelector LabelSelector, 4 path, 5 optional flag
LabelSelector: 1 matchLabels {text}, 2 matchExpressions LabelSelectorRequirement[]
LabelSelectorRequirement: 1 key, 2 operator, 3 values text[]
EphemeralVolumeSource: 1 volumeClaimTemplate PersistentVolumeClaimTemplate
PersistentVolumeClaimTemplate: 1 metadata ObjectMeta, 2 spec PersistentVolumeClaimSpec
PersistentVolumeClaimSpec: 1 accessModes text[], 2 resources VolumeResourceRequirements, 3 volumeName,
  4 selector LabelSelector, 5 storageClassName, 6 volumeMode, 7 dataSource TypedLocalObjectReference,
  8 dataSourceRef TypedObjectReference, 9 volumeAttributesClassName
VolumeResourceRequirements: 1 limits {quantity}, 2 requests {quantity}
TypedLocalObjectReference: 1 apiGroup, 2 kind, 3 name
TypedObjectReference: 1 apiGroup, 2 kind, 3 name, 4 namespace
Container: 1 name, 2 image, 3 command text[], 4 args text[], 5 workingDir, 6 ports ContainerPort[],
  7 env EnvVar[], 8 resources ResourceRequirements, 9 volumeMounts VolumeMount[], 10 livenessProbe Probe,
  11 readinessProbe Probe, 12 lifecycle Lifecycle, 13 terminationMessagePath, 14 imagePullPolicy,
  15 securityContext SecurityContext, 16 stdin flag?, 17 stdinOnce flag?, 18 tty flag?,
  19 envFrom EnvFromSource[], 20 terminationMessagePolicy, 21 volumeDevices VolumeDevice[],
  22 startupProbe Probe, 23 resizePolicy ContainerResizePolicy[], 24 restartPolicy
ContainerPort: 1 name, 2 hostPort number?, 3 containerPort number, 4 protocol, 5 hostIP
EnvFromSource: 1 prefix, 2 configMapRef ConfigMapEnvSource, 3 secretRef SecretEnvSource
ConfigMapEnvSource: 1 ...LocalObjectReference, 2 optional flag
SecretEnvSource: 1 ...LocalObjectReference, 2 optional flag
EnvVar: 1 name, 2 value, 3 valueFrom EnvVarSource
EnvVarSource: 1 fieldRef ObjectFieldSelector, 2 resourceFieldRef ResourceFieldSelector,
  3 configMapKeyRef ConfigMapKeySelector, 4 secretKeyRef SecretKeySelector
ConfigMapKeySelector: 1 ...LocalObjectReference, 2 key, 3 optional flag
SecretKeySelector: 1 ...LocalObjectReference, 2 key, 3 optional flag
ResourceRequirements: 1 limits {quantity}, 2 requests {quantity}
ContainerResizePolicy: 1 resourceName, 2 restartPolicy
VolumeMount: 1 name, 2 readOnly flag?, 3 mountPath, 4 subPath, 5 mountPropagation, 6 subPathExpr,
  7 recursiveReadOnly
VolumeDevice: 1 name, 2 devicePath
Probe: 1 ...ProbeHandler, 2 initialDelaySeconds number?, 3 timeoutSeconds number?, 4 periodSeconds number?,
  5 successThreshold number?, 6 failureThreshold number?, 7 terminationGracePeriodSeconds number
ProbeHandler: 1 exec ExecAction, 2 httpGet HTTPGetAction, 3 tcpSocket TCPSocketAction, 4 grpc GRPCAction
ExecAction: 1 command text[]
HTTPGetAction: 1 path, 2 port intOrText, 3 host, 4 scheme, 5 httpHeaders HTTPHeader[]
HTTPHeader: 1 name, 2 value
TCPSocketAction: 1 port intOrText, 2 host
GRPCAction: 1 port number, 2 service
Lifecycle: 1 postStart LifecycleHandler, 2 preStop LifecycleHandler, 3 stopSignal
LifecycleHandler: 1 exec ExecAction, 2 httpGet HTTPGetAction, 3 tcpSocket TCPSocketAction, 4 sleep SleepAction
SleepAction: 1 seconds number
SecurityContext: 1 capabilities Capabilities, 2 privileged flag, 3 seLinuxOptions SELinuxOptions,
  4 runAsUser number, 5 runAsNonRoot flag, 6 readOnlyRootFilesystem flag, 7 allowPrivilegeEscalation flag,
  8 runAsGroup number, 9 procMount, 11 seccompProfile SeccompProfile, 12 appArmorProfile AppArmorProfile
Capabilities: 1 add text[], 2 drop text[]
SELinuxOptions: 1 user, 2 role, 3 type, 4 level
SeccompProfile: 1 type, 2 localhostProfile
AppArmorProfile: 1 type, 2 localhostProfile
EphemeralContainer: 1 ...EphemeralContainerCommon, 2 targetContainerName
EphemeralContainerCommon: 1 name, 2 image, 3 command text[], 4 args text[], 5 workingDir,
  6 ports ContainerPort[], 7 env EnvVar[], 8 resources ResourceRequirements, 9 volumeMounts VolumeMount[],
  10 livenessProbe Probe, 11 readinessProbe Probe, 12 lifecycle Lifecycle, 13 terminationMessagePath,
  14 imagePullPolicy, 15 securityContext SecurityContext, 16 stdin flag?, 17 stdinOnce flag?, 18 tty flag?,
  19 envFrom EnvFromSource[], 20 terminationMessagePolicy, 21 volumeDevices VolumeDevice[],
  22 startupProbe Probe, 23 resizePolicy ContainerResizePolicy[], 24 restartPolicy
PodSecurityContext: 1 seLinuxOptions SELinuxOptions, 2 runAsUser number, 3 runAsNonRoot flag,
  4 supplementalGroups number[], 5 fsGroup number, 6 runAsGroup number, 7 sysctls Sysctl[],
  9 fsGroupChangePolicy, 10 seccompProfile SeccompProfile, 11 appArmorProfile AppArmorProfile,
  12 supplementalGroupsPolicy, 13 seLinuxChangePolicy
Sysctl: 1 name, 2 value
Affinity: 1 nodeAffinity NodeAffinity, 2 podAffinity PodAffinity, 3 podAntiAffinity PodAntiAffinity
NodeAffinity: 1 requiredDuringSchedulingIgnoredDuringExecution NodeSelector,
  2 preferredDuringSchedulingIgnoredDuringExecution PreferredSchedulingTerm[]
NodeSelector: 1 nodeSelectorTerms NodeSelectorTerm[]
NodeSelectorTerm: 1 matchExpressions NodeSelectorRequirement[], 2 matchFields NodeSelectorRequirement[]
NodeSelectorRequirement: 1 key, 2 operator, 3 values text[]
PreferredSchedulingTerm: 1 weight number, 2 preference NodeSelectorTerm
PodAffinity: 1 requiredDuringSchedulingIgnoredDuringExecution PodAffinityTerm[],
  2 preferredDuringSchedulingIgnoredDuringExecution WeightedPodAffinityTerm[]
PodAffinityTerm: 1 labelSelector LabelSelector, 2 namespaces text[], 3 topologyKey,
  4 namespaceSelector LabelSelector, 5 matchLabelKeys text[], 6 mismatchLabelKeys text[]
WeightedPodAffinityTerm: 1 weight number, 2 podAffinityTerm PodAffinityTerm
PodAntiAffinity: 1 requiredDuringSchedulingIgnoredDuringExecution PodAffinityTerm[],
  2 preferredDuringSchedulingIgnoredDuringExecution WeightedPodAffinityTerm[]
Toleration: 1 key, 2 operator, 3 value, 4 effect, 5 tolerationSeconds number
HostAlias: 1 ip, 2 hostnames text[]
PodDNSConfig: 1 nameservers text[], 2 searches text[], 3 options PodDNSConfigOption[]
PodDNSConfigOption: 1 name, 2 value
PodReadinessGate: 1 conditionType
TopologySpreadConstraint: 1 maxSkew number, 2 topologyKey, 3 whenUnsatisfiable, 4 labelSelector LabelSelector,
  5 minDomains number, 6 nodeAffinityPolicy, 7 nodeTaintsPolicy, 8 matchLabelKeys text[]
PodOS: 1 name
PodSchedulingGate: 1 name
PodStatus: 1 phase, 2 conditions PodCondition[], 3 message, 4 reason, 5 hostIP, 6 podIP, 7 startTime time,
  8 containerStatuses ContainerStatus[], 9 qosClass, 10 initContainerStatuses ContainerStatus[],
  11 nominatedNodeName, 12 podIPs PodIP[], 13 ephemeralContainerStatuses ContainerStatus[], 14 resize,
  16 hostIPs HostIP[], 17 observedGeneration number?
PodCondition: 1 type, 2 status, 3 lastProbeTime time, 4 lastTransitionTime time, 5 reason, 6 message,
  7 observedGeneration number?
HostIP: 1 ip
PodIP: 1 ip
ContainerStatus: 1 name, 2 state ContainerState, 3 lastState ContainerState, 4 ready flag,
  5 restartCount number, 6 image, 7 imageID, 8 containerID, 9 started flag, 10 allocatedResources {quantity},
  11 resources ResourceRequirements, 15 stopSignal
ContainerState: 1 waiting ContainerStateWaiting, 2 running ContainerStateRunning,
  3 terminated ContainerStateTerminated
ContainerStateWaiting: 1 reason, 2 message
ContainerStateRunning: 1 startedAt time
ContainerStateTerminated: 1 exitCode number, 2 signal number?, 3 reason, 4 message, 5 startedAt time,
  6 finishedAt time, 7 containerID
Node: 1 metadata ObjectMeta, 2 spec NodeSpec, 3 status NodeStatus
NodeSpec: 1 podCIDR, 2 externalID, 3 providerID, 4 unschedulable flag?, 5 taints Taint[], 7 podCIDRs text[]
Taint: 1 key, 2 value, 3 effect, 4 timeAdded time
NodeStatus: 1 capacity {quantity}, 2 allocatable {quantity}, 3 phase, 4 conditions NodeCondition[],
  5 addresses NodeAddress[], 6 daemonEndpoints NodeDaemonEndpoints, 7 nodeInfo NodeSystemInfo,
  8 images ContainerImage[], 9 volumesInUse text[]
NodeCondition: 1 type, 2 status, 3 lastHeartbeatTime time, 4 lastTransitionTime time, 5 reason, 6 message
NodeAddress: 1 type, 2 address
NodeDaemonEndpoints: 1 kubeletEndpoint DaemonEndpoint
DaemonEndpoint: 1 Port number
NodeSystemInfo: 1 machineID, 2 systemUUID, 3 bootID, 4 kernelVersion, 5 osImage, 6 containerRuntimeVersion,
  7 kubeletVersion, 8 kubeProxyVersion, 9 operatingSystem, 10 architecture
ContainerImage: 1 names text[], 2 sizeBytes number?
Namespace: 1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status NamespaceStatus
NamespaceSpec: 1 finalizers text[]
NamespaceStatus: 1 phase, 2 conditions NamespaceCondition[]
NamespaceCondition: 1 type, 2 status, 4 lastTransitionTime time, 5 reason, 6 message
Event: 1 metadata ObjectMeta, 2 involvedObject ObjectReference, 3 reason, 4 message, 5 source EventSource,
  6 firstTimestamp time, 7 lastTimestamp time, 8 count number?, 9 type, 10 eventTime microTime,
  11 series EventSeries, 12 action, 13 related ObjectReference, 14 reportingComponent, 15 reportingInstance
ObjectReference: 1 kind, 2 namespace, 3 name, 4 uid, 5 apiVersion, 6 resourceVersion, 7 fieldPath
EventSource: 1 component, 2 host
EventSeries: 1 count number?, 2 lastObservedTime microTime
Service: 1 metadata ObjectMeta, 2 spec ServiceSpec, 3 status ServiceStatus
ServiceSpec: 1 ports ServicePort[], 2 selector {text}, 3 clusterIP, 4 type, 5 externalIPs text[],
  7 sessionAffinity, 8 loadBalancerIP, 9 loadBalancerSourceRanges text[], 10 externalName,
  11 externalTrafficPolicy, 12 healthCheckNodePort number?, 13 publishNotReadyAddresses flag?,
  14 sessionAffinityConfig SessionAffinityConfig, 17 ipFamilyPolicy, 18 clusterIPs text[],
  19 ipFamilies text[], 20 allocateLoadBalancerNodePorts flag, 21 loadBalancerClass, 22 internalTrafficPolicy,
  23 trafficDistribution
ServicePort: 1 name, 2 protocol, 3 port number, 4 targetPort intOrText, 5 nodePort number?, 6 appProtocol
SessionAffinityConfig: 1 clientIP ClientIPConfig
ClientIPConfig: 1 timeoutSeconds number
ServiceStatus: 1 loadBalancer LoadBalancerStatus, 2 conditions Condition[]
LoadBalancerStatus: 1 ingress LoadBalancerIngress[]
LoadBalancerIngress: 1 ip, 2 hostname, 3 ipMode, 4 ports PortStatus[]
PortStatus: 1 port number, 2 protocol, 3 error
Condition: 1 type, 2 status, 3 observedGeneration number?, 4 lastTransitionTime time, 5 reason, 6 message
ConfigMap: 1 metadata ObjectMeta, 2 data {text}, 3 binaryData {bytes}, 4 immutable flag
Secret: 1 metadata ObjectMeta, 2 data {bytes}, 3 type, 4 stringData {text}, 5 immutable flag
ServiceAccount: 1 metadata ObjectMeta, 2 secrets ObjectReference[], 3 imagePullSecrets LocalObjectReference[],
  4 automountServiceAccountToken flag
PersistentVolumeClaim: 1 metadata ObjectMeta, 2 spec PersistentVolumeClaimSpec,
  3 status PersistentVolumeClaimStatus
PersistentVolumeClaimStatus: 1 phase, 2 accessModes text[], 3 capacity {quantity},
  4 conditions PersistentVolumeClaimCondition[], 5 allocatedResources {quantity},
  7 allocatedResourceStatuses {text}, 8 currentVolumeAttributesClassName
PersistentVolumeClaimCondition: 1 type, 2 status, 3 lastProbeTime time, 4 lastTransitionTime time, 5 reason,
  6 message
PersistentVolume: 1 metadata ObjectMeta, 2 spec PersistentVolumeSpec, 3 status PersistentVolumeStatus
PersistentVolumeSpec: 1 capacity {quantity}, 2 ...PersistentVolumeSource, 3 accessModes text[],
  4 claimRef ObjectReference, 5 persistentVolumeReclaimPolicy, 6 storageClassName, 7 mountOptions text[],
  8 volumeMode, 9 nodeAffinity VolumeNodeAffinity, 10 volumeAttributesClassName
PersistentVolumeSource: 3 hostPath HostPathVolumeSource, 5 nfs NFSVolumeSource, 20 local LocalVolumeSource
LocalVolumeSource: 1 path, 2 fsType
VolumeNodeAffinity: 1 required NodeSelector
PersistentVolumeStatus: 1 phase, 2 message, 3 reason, 4 lastPhaseTransitionTime time
StorageClass: 1 metadata ObjectMeta, 2 provisioner, 3 parameters {text}, 4 reclaimPolicy,
  5 mountOptions text[], 6 allowVolumeExpansion flag?, 7 volumeBindingMode
Lease: 1 metadata ObjectMeta, 2 spec LeaseSpec
LeaseSpec: 1 holderIdentity, 2 leaseDurationSeconds number, 3 acquireTime microTime, 4 renewTime microTime,
  5 leaseTransitions number, 6 strategy, 7 preferredHolder
EndpointSlice: 1 metadata ObjectMeta, 2 endpoints Endpoint[], 3 ports EndpointPort[], 4 addressType
Endpoint: 1 addresses text[], 2 conditions EndpointConditions, 3 hostname, 4 targetRef ObjectReference,
  5 deprecatedTopology {text}, 6 nodeName, 7 zone
EndpointConditions: 1 ready flag, 2 serving flag, 3 terminating flag
EndpointPort: 1 name, 2 protocol, 3 port number, 4 appProtocol
Eviction: 1 metadata ObjectMeta, 2 deleteOptions DeleteOptions
DeleteOptions: 1 gracePeriodSeconds number, 2 preconditions Preconditions, 3 orphanDependents flag,
  4 propagationPolicy, 5 dryRun text[], 6 ignoreStoreReadErrorWithClusterBreakingPotential flag
Preconditions: 1 uid, 2 resourceVersion
PodDisruptionBudget: 1 metadata ObjectMeta, 2 spec PodDisruptionBudgetSpec, 3 status PodDisruptionBudgetStatus
PodDisruptionBudgetSpec: 1 minAvailable intOrText, 2 selector LabelSelector, 3 maxUnavailable intOrText,
  4 unhealthyPodEvictionPolicy
PodDisruptionBudgetStatus: 1 observedGeneration number?, 3 disruptionsAllowed number, 4 currentHealthy number,
  5 desiredHealthy number, 6 expectedPods number, 7 conditions Condition[]
PriorityClass: 1 metadata ObjectMeta, 2 value number, 3 globalDefault flag?, 4 description, 5 preemptionPolicy
TokenRequest: 1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 -
TokenRequestSpec: 1 audiences text[], 3 boundObjectRef BoundObjectReference, 4 expirationSeconds number
BoundObjectReference: 1 kind, 2 apiVersion, 3 name, 4 uid
TokenReview: 1 metadata ObjectMeta, 2 spec TokenReviewSpec, 3 -
TokenReviewSpec: 1 token, 2 audiences text[]
SelfSubjectReview: 1 metadata ObjectMeta, 2 -
SelfSubjectAccessReview: 1 metadata ObjectMeta, 2 spec SelfSubjectAccessReviewSpec, 3 -
SelfSubjectAccessReviewSpec: 1 resourceAttributes ResourceAttributes,
  2 nonResourceAttributes NonResourceAttributes
ResourceAttributes: 1 namespace, 2 verb, 3 group, 4 version, 5 resource, 6 subresource, 7 name,
  8 fieldSelector FieldSelectorAttributes, 9 labelSelector LabelSelectorAttributes
FieldSelectorAttributes: 1 rawSelector, 2 requirements FieldSelectorRequirement[]
FieldSelectorRequirement: 1 key, 2 operator, 3 values text[]
LabelSelectorAttributes: 1 rawSelector, 2 requirements LabelSelectorRequirement[]
NonResourceAttributes: 1 path, 2 verb
SelfSubjectRulesReview: 1 metadata ObjectMeta, 2 spec SelfSubjectRulesReviewSpec, 3 -
SelfSubjectRulesReviewSpec: 1 namespace
`;
