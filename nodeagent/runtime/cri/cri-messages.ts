/**
 * What the agent says to a container engine, and hears from it: the part of the Container Runtime Interface,
 * `runtime.v1`, that it uses. Numbers are the interface's own; fields left out keep their defaults.
 */
import { parse, type Root } from 'protobufjs';

const definitions = `
syntax = "proto3";
package runtime.v1;

message VersionRequest { string version = 1; }
message VersionResponse { string runtime_name = 2; string runtime_version = 3; }

enum NamespaceMode { POD = 0; CONTAINER = 1; NODE = 2; TARGET = 3; }
message NamespaceOption {
  NamespaceMode network = 1; NamespaceMode pid = 2; NamespaceMode ipc = 3; string target_id = 4;
}
message Int64Value { int64 value = 1; }
message KeyValue { string key = 1; string value = 2; }
message SecurityProfile {
  enum ProfileType { RuntimeDefault = 0; Unconfined = 1; Localhost = 2; }
  ProfileType profile_type = 1; string localhost_ref = 2;
}

message PodSandboxMetadata { string name = 1; string uid = 2; string namespace = 3; uint32 attempt = 4; }
message LinuxSandboxSecurityContext {
  NamespaceOption namespace_options = 1; bool privileged = 6; SecurityProfile seccomp = 9;
}
message LinuxPodSandboxConfig { string cgroup_parent = 1; LinuxSandboxSecurityContext security_context = 2; }
message PodSandboxConfig {
  PodSandboxMetadata metadata = 1; string hostname = 2; string log_directory = 3;
  map<string, string> labels = 6; LinuxPodSandboxConfig linux = 8;
}
message RunPodSandboxRequest { PodSandboxConfig config = 1; }
message RunPodSandboxResponse { string pod_sandbox_id = 1; }
message PodSandboxRequest { string pod_sandbox_id = 1; }
message PodSandboxFilter { map<string, string> label_selector = 3; }
message ListPodSandboxRequest { PodSandboxFilter filter = 1; }
enum PodSandboxState { SANDBOX_READY = 0; SANDBOX_NOTREADY = 1; }
message PodSandbox { string id = 1; PodSandboxState state = 3; map<string, string> labels = 5; }
message ListPodSandboxResponse { repeated PodSandbox items = 1; }

message ContainerMetadata { string name = 1; uint32 attempt = 2; }
message ImageSpec { string image = 1; }
message Mount { string container_path = 1; string host_path = 2; bool readonly = 3; }
message Device { string container_path = 1; string host_path = 2; string permissions = 3; }
message LinuxContainerResources {
  int64 cpu_period = 1; int64 cpu_quota = 2; int64 cpu_shares = 3; int64 memory_limit_in_bytes = 4;
  int64 oom_score_adj = 5; int64 memory_swap_limit_in_bytes = 10;
}
message Capability { repeated string add_capabilities = 1; repeated string drop_capabilities = 2; }
message LinuxContainerSecurityContext {
  Capability capabilities = 1; bool privileged = 2; NamespaceOption namespace_options = 3;
  Int64Value run_as_user = 5; Int64Value run_as_group = 12; bool readonly_rootfs = 7;
  repeated int64 supplemental_groups = 8; bool no_new_privs = 11;
  repeated string masked_paths = 13; repeated string readonly_paths = 14; SecurityProfile seccomp = 15;
}
message LinuxContainerConfig {
  LinuxContainerResources resources = 1; LinuxContainerSecurityContext security_context = 2;
}
message ContainerConfig {
  ContainerMetadata metadata = 1; ImageSpec image = 2; repeated string command = 3; string working_dir = 5;
  repeated KeyValue envs = 6; repeated Mount mounts = 7; repeated Device devices = 8;
  map<string, string> labels = 9; string log_path = 11; bool stdin = 12; bool stdin_once = 13; bool tty = 14;
  LinuxContainerConfig linux = 15;
}
message CreateContainerRequest {
  string pod_sandbox_id = 1; ContainerConfig config = 2; PodSandboxConfig sandbox_config = 3;
}
message CreateContainerResponse { string container_id = 1; }
message ContainerRequest { string container_id = 1; }
message StopContainerRequest { string container_id = 1; int64 timeout = 2; }
message UpdateContainerResourcesRequest { string container_id = 1; LinuxContainerResources linux = 2; }
message ExecSyncRequest { string container_id = 1; repeated string cmd = 2; int64 timeout = 3; }
message ExecSyncResponse { bytes stdout = 1; bytes stderr = 2; int32 exit_code = 3; }
message ExecRequest {
  string container_id = 1; repeated string cmd = 2; bool tty = 3; bool stdin = 4; bool stdout = 5; bool stderr = 6;
}
message AttachRequest { string container_id = 1; bool stdin = 2; bool tty = 3; bool stdout = 4; bool stderr = 5; }
message StreamResponse { string url = 1; }
enum ContainerState { CONTAINER_CREATED = 0; CONTAINER_RUNNING = 1; CONTAINER_EXITED = 2; CONTAINER_UNKNOWN = 3; }
message ContainerStateValue { ContainerState state = 1; }
message ContainerFilter { ContainerStateValue state = 2; map<string, string> label_selector = 4; }
message ListContainersRequest { ContainerFilter filter = 1; }
message Container {
  string id = 1; string pod_sandbox_id = 2; ContainerState state = 6; map<string, string> labels = 8;
}
message ListContainersResponse { repeated Container containers = 1; }
message ContainerStatusRequest { string container_id = 1; bool verbose = 2; }
message ContainerStatus { ContainerState state = 3; int64 finished_at = 6; int32 exit_code = 7; string reason = 10; }
message ContainerStatusResponse { ContainerStatus status = 1; map<string, string> info = 2; }

message ImageRequest { ImageSpec image = 1; }
message Image { string id = 1; repeated string repo_tags = 2; }
message ImageStatusResponse { Image image = 1; }
message ListImagesResponse { repeated Image images = 1; }
message Empty { }
`;

export function criTypes(): Root {
  return parse(definitions).root;
}

/** The interface's methods: of which service, with the messages that go and come. */
export const methods = {
  Version: ['Runtime', 'VersionRequest', 'VersionResponse'],
  RunPodSandbox: ['Runtime', 'RunPodSandboxRequest', 'RunPodSandboxResponse'],
  StopPodSandbox: ['Runtime', 'PodSandboxRequest', 'Empty'],
  RemovePodSandbox: ['Runtime', 'PodSandboxRequest', 'Empty'],
  ListPodSandbox: ['Runtime', 'ListPodSandboxRequest', 'ListPodSandboxResponse'],
  CreateContainer: ['Runtime', 'CreateContainerRequest', 'CreateContainerResponse'],
  StartContainer: ['Runtime', 'ContainerRequest', 'Empty'],
  StopContainer: ['Runtime', 'StopContainerRequest', 'Empty'],
  RemoveContainer: ['Runtime', 'ContainerRequest', 'Empty'],
  ListContainers: ['Runtime', 'ListContainersRequest', 'ListContainersResponse'],
  ContainerStatus: ['Runtime', 'ContainerStatusRequest', 'ContainerStatusResponse'],
  UpdateContainerResources: ['Runtime', 'UpdateContainerResourcesRequest', 'Empty'],
  ReopenContainerLog: ['Runtime', 'ContainerRequest', 'Empty'],
  ExecSync: ['Runtime', 'ExecSyncRequest', 'ExecSyncResponse'],
  Exec: ['Runtime', 'ExecRequest', 'StreamResponse'],
  Attach: ['Runtime', 'AttachRequest', 'StreamResponse'],
  ImageStatus: ['Image', 'ImageRequest', 'ImageStatusResponse'],
  ListImages: ['Image', 'Empty', 'ListImagesResponse'],
  RemoveImage: ['Image', 'ImageRequest', 'Empty'],
} as const satisfies Record<
  string,
  readonly [service: 'Runtime' | 'Image', request: string, response: string]
>;

export type Method = keyof typeof methods;

export interface NamespaceOptions {
  network?: NamespaceMode;
  pid?: NamespaceMode;
  targetId?: string;
}
export type NamespaceMode = (typeof namespaceMode)[keyof typeof namespaceMode];
export const namespaceMode = { pod: 0, container: 1, node: 2, target: 3 } as const;

export interface SecurityProfile {
  profileType: 0 | 1 | 2;
  localhostRef?: string;
}
export const profileType = { runtimeDefault: 0, unconfined: 1, localhost: 2 } as const;

export interface SandboxConfig {
  metadata: { name: string; uid: string; namespace: string };
  hostname: string;
  logDirectory: string;
  labels: Record<string, string>;
  linux: {
    cgroupParent: string;
    securityContext: {
      namespaceOptions: NamespaceOptions;
      privileged: boolean;
      seccomp: SecurityProfile;
    };
  };
}

/** Zero is "leave it as it is". */
export interface LinuxResources {
  cpuPeriod?: number;
  cpuQuota?: number;
  cpuShares: number;
  memoryLimitInBytes?: number;
  memorySwapLimitInBytes?: number;
  oomScoreAdj: number;
}

export interface ContainerConfig {
  metadata: { name: string };
  image: { image: string };
  command: string[];
  workingDir: string;
  envs: { key: string; value: string }[];
  mounts: { containerPath: string; hostPath: string; readonly: boolean }[];
  devices: { containerPath: string; hostPath: string; permissions: string }[];
  labels: Record<string, string>;
  logPath: string;
  stdin: boolean;
  stdinOnce: boolean;
  tty: boolean;
  linux: {
    resources: LinuxResources;
    securityContext: {
      capabilities: { addCapabilities: string[]; dropCapabilities: string[] };
      privileged: boolean;
      namespaceOptions: NamespaceOptions;
      runAsUser: { value: number };
      runAsGroup: { value: number };
      readonlyRootfs: boolean;
      supplementalGroups: number[];
      noNewPrivs: boolean;
      maskedPaths: readonly string[];
      readonlyPaths: readonly string[];
      seccomp: SecurityProfile;
    };
  };
}

export const containerState = { created: 0, running: 1, exited: 2 } as const;
export const sandboxReady = 0;

interface OfContainer {
  containerId: string;
}
interface OfSandbox {
  podSandboxId: string;
}
interface Filter {
  filter: { labelSelector: Record<string, string>; state?: { state: number } };
}
type Nothing = Record<string, never>;

export interface ListedContainer extends OfSandbox {
  id: string;
  state: number;
  labels: Record<string, string>;
}

export interface ListedSandbox {
  id: string;
  state: number;
  labels: Record<string, string>;
}

/** What each method takes, and what it gives: fields that are empty are there, with their defaults. */
export interface Calls {
  Version: [Nothing, { runtimeName: string; runtimeVersion: string }];
  RunPodSandbox: [{ config: SandboxConfig }, OfSandbox];
  StopPodSandbox: [OfSandbox, Nothing];
  RemovePodSandbox: [OfSandbox, Nothing];
  ListPodSandbox: [Filter, { items: ListedSandbox[] }];
  CreateContainer: [OfSandbox & { config: ContainerConfig; sandboxConfig: SandboxConfig }, OfContainer];
  StartContainer: [OfContainer, Nothing];
  StopContainer: [OfContainer & { timeout: number }, Nothing];
  RemoveContainer: [OfContainer, Nothing];
  ListContainers: [Filter, { containers: ListedContainer[] }];
  ContainerStatus: [
    OfContainer & { verbose?: boolean },
    {
      status: { state: number; finishedAt: number; exitCode: number; reason: string };
      info: Record<string, string>;
    },
  ];
  UpdateContainerResources: [OfContainer & { linux: LinuxResources }, Nothing];
  ReopenContainerLog: [OfContainer, Nothing];
  ExecSync: [OfContainer & { cmd: readonly string[] }, { stdout: Buffer; stderr: Buffer; exitCode: number }];
  Exec: [
    OfContainer & { cmd: readonly string[]; tty: boolean; stdin: boolean; stdout: boolean; stderr: boolean },
    { url: string },
  ];
  Attach: [OfContainer & { stdin: boolean; tty: boolean; stdout: boolean; stderr: boolean }, { url: string }];
  ImageStatus: [{ image: { image: string } }, { image: { id: string } | null }];
  ListImages: [Nothing, { images: { id: string; repoTags: string[] }[] }];
  RemoveImage: [{ image: { image: string } }, Nothing];
}
