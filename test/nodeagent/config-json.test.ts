import { describe, expect, it } from 'vitest';
import type { TaskSecurity } from '../../api/kinds/security-context.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { configJson, type HostFacts, type Mount } from '../../nodeagent/runtime/oci/config-json.ts';
import { defaultSeccomp } from '../../nodeagent/runtime/oci/seccomp-profile.ts';
import type { ContainerSpec } from '../../nodeagent/runtime/runtime.ts';
import { containerSecurity } from '../../nodeagent/task/container-security.ts';

interface Config {
  process: {
    noNewPrivileges: boolean;
    oomScoreAdj: number;
    rlimits: object[];
    capabilities: { bounding: string[] };
  };
  root: { path: string; readonly: boolean };
  mounts: Mount[];
  linux: { cgroupsPath: string; namespaces: { type: string }[]; resources: object; maskedPaths: string[] };
}

const host: HostFacts = {
  maxOpenFiles: 20_000,
  minOomScoreAdj: 0,
  hostPaths: ['/usr', '/etc/ssl'],
  capabilities: ['CAP_CHOWN', 'CAP_SYS_ADMIN'],
  architecture: 'x64',
};
const spec: ContainerSpec = {
  cid: 'abc-0-0',
  cgroupPath: '/gantry/c/n1/uid',
  logPath: '/log',
  hostname: 'web-0-0',
  args: ['true'],
  env: ['A=b'],
  workingDir: '/',
  user: { uid: 0, gid: 0 },
  root: { from: 'image', rootfs: '/img', digest: 'sha256:0' },
  readOnlyRoot: true,
  mounts: [],
  limits: { cpuMilli: 300, cpuShares: 102, memoryBytes: 33_554_432, pids: 16, oomScoreAdj: -997 },
};
const config = (changes: Partial<ContainerSpec> = {}): Config =>
  configJson({ ...spec, ...changes }, { host, rootPath: '/b/merged' }) as Config;

describe('the rights of a container', () => {
  const rightsOf = (securityContext: Container['securityContext'], common: TaskSecurity = {}): Config =>
    config({ security: containerSecurity({ securityContext: common }, { securityContext }) });

  it('are few unless it asks for others', () => {
    expect(rightsOf({}).process.capabilities.bounding).toHaveLength(9);
    const { bounding } = rightsOf({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }).process.capabilities;
    expect(bounding).toEqual(['CAP_NET_RAW']);
    expect(rightsOf({}).process.noNewPrivileges).toBe(true);
    expect(rightsOf({ allowPrivilegeEscalation: true }).process.noNewPrivileges).toBe(false);
  });

  it('are all the agent itself has when it is privileged, and nothing is hidden', () => {
    const { process, linux, mounts } = rightsOf({ privileged: true });
    expect(process.capabilities.bounding).toEqual(['CAP_CHOWN', 'CAP_SYS_ADMIN']);
    expect(linux).not.toHaveProperty('maskedPaths');
    expect(linux.resources).toMatchObject({ devices: [{ allow: true }] });
    expect(mounts).toContainEqual(expect.objectContaining({ destination: '/dev', type: 'bind' }));
  });

  it('come with the groups of its task', () => {
    const { process } = rightsOf({}, { fsGroup: 5, supplementalGroups: [6, 5] });
    expect(process).toMatchObject({ user: { additionalGids: [5, 6] } });
  });

  it('are those of its own users only, in a range of the node', () => {
    const { linux, mounts } = config({ userRange: { base: 1_048_576 } });
    expect(linux.namespaces).toContainEqual({ type: 'user' });
    expect(linux).toMatchObject({ uidMappings: [{ containerID: 0, hostID: 1_048_576, size: 65_536 }] });
    expect(mounts.find(({ destination }) => destination === '/sys')?.type).toBe('bind');
  });

  it('leave out the calls that need a capability it has not', () => {
    const callsOf = (capabilities: string[]): string[] =>
      (defaultSeccomp(capabilities, host).syscalls as { names: string[]; action: string }[])
        .filter(({ action }) => action === 'SCMP_ACT_ALLOW')
        .flatMap(({ names }) => names);
    for (const call of ['mount', 'keyctl', 'init_module', 'unshare', 'bpf', 'io_uring_setup', 'setns'])
      expect(callsOf([])).not.toContain(call);
    expect(callsOf(['CAP_SYS_ADMIN'])).toContain('mount');
  });
});

describe('configJson', () => {
  it('limits cpu, memory with no swap on top, and pids', () => {
    expect(config().linux.resources).toMatchObject({
      cpu: { shares: 102, quota: 30_000, period: 100_000 },
      memory: { limit: 33_554_432, swap: 33_554_432 },
      pids: { limit: 16 },
    });
  });

  it('always limits pids, and sets neither quota nor memory when none is asked for', () => {
    const { resources } = config({ limits: { cpuShares: 2, pids: 1024, oomScoreAdj: 0 } }).linux;
    expect(resources).toMatchObject({ pids: { limit: 1024 }, cpu: { shares: 2 } });
    expect(resources).not.toHaveProperty('memory');
    expect(resources).not.toHaveProperty('cpu.quota');
  });

  it('clamps to what the agent itself may do', () => {
    expect(config().process).toMatchObject({
      oomScoreAdj: 0,
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 20_000 }],
    });
  });

  it("shares the node's network and nothing else of it", () => {
    expect(config().linux.namespaces.map(({ type }) => type)).toEqual([
      'pid',
      'ipc',
      'uts',
      'mount',
      'cgroup',
    ]);
  });

  it('puts the container below the group of its task', () => {
    expect(config().linux.cgroupsPath).toBe('/gantry/c/n1/uid/abc-0-0');
  });

  it('binds what the task has on the node after everything else, without devices and set-user-id', () => {
    const mounts = [
      { source: '/v/data', destination: '/data', readOnly: true },
      { source: '/v/own', destination: '/own', readOnly: false },
    ];
    const base = ['rbind', 'rprivate', 'nosuid', 'nodev'];
    expect(config({ mounts }).mounts.slice(-2)).toEqual([
      { destination: '/data', type: 'bind', source: '/v/data', options: [...base, 'ro'] },
      { destination: '/own', type: 'bind', source: '/v/own', options: [...base, 'rw'] },
    ]);
  });

  it('binds host directories read-only without an image, none with one, and only what exists', () => {
    const binds = (changes: Partial<ContainerSpec>) =>
      config(changes).mounts.filter(({ type }) => type === 'bind');
    expect(binds({ root: { from: 'host' } }).map(({ destination }) => destination)).toEqual([
      '/usr',
      '/etc/ssl',
    ]);
    expect(binds({}).map(({ destination }) => destination)).toEqual([]);
    expect(binds({ root: { from: 'host' } }).every(({ options }) => options.includes('ro'))).toBe(true);
  });

  it('drops privileges', () => {
    const { process, linux } = config();
    expect(process.noNewPrivileges).toBe(true);
    expect(process.capabilities.bounding).not.toContain('CAP_SYS_ADMIN');
    expect(linux.maskedPaths).toContain('/proc/kcore');
  });
});
