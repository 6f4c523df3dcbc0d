/** What an engine is told of a container. */
import { describe, expect, it } from 'vitest';
import { containerConfig, sandboxConfig } from '../../nodeagent/runtime/cri/cri-config.ts';
import { namespaceMode, profileType } from '../../nodeagent/runtime/cri/cri-messages.ts';
import type { HostFacts } from '../../nodeagent/runtime/oci/config-json.ts';
import type { ContainerSpec } from '../../nodeagent/runtime/runtime.ts';
import { containerSecurity } from '../../nodeagent/task/container-security.ts';

const host: HostFacts = {
  maxOpenFiles: 20_000,
  minOomScoreAdj: -5,
  hostPaths: ['/usr', '/etc/ssl'],
  capabilities: [],
  architecture: 'x64',
};
const spec: ContainerSpec = {
  cid: 'abc-0-0',
  cgroupPath: '/gantry/c/n1/uid',
  logPath: '/logs/uid/main/0.log',
  hostname: 'web-0-0',
  args: ['sh', '-c', 'true'],
  env: ['A=b=c', 'EMPTY='],
  workingDir: '/w',
  user: { uid: 5, gid: 6 },
  root: { from: 'host' },
  readOnlyRoot: true,
  mounts: [{ source: '/v/hosts', destination: '/etc/hosts', readOnly: true }],
  limits: { cpuMilli: 300, cpuShares: 102, memoryBytes: 33_554_432, pids: 16, oomScoreAdj: -997 },
};
const facts = { host, agent: '/root', image: 'gantry.local/i:1' };
const config = (changes: Partial<ContainerSpec> = {}, parts = {}) =>
  containerConfig({ ...spec, ...changes }, { ...facts, ...parts });

describe('what an engine is told', () => {
  it('finds the container again: by agent, container and group', () => {
    expect(config().labels).toEqual({
      'gantry.dev/agent': '/root',
      'gantry.dev/cid': 'abc-0-0',
      'gantry.dev/group': '/gantry/c/n1/uid/abc-0-0',
    });
    expect(sandboxConfig(spec, { agent: '/root' })).toMatchObject({
      metadata: { name: 'web-0-0-abc-0-0', uid: 'uid', namespace: 'gantry' },
      logDirectory: '/logs/uid/main',
      linux: { cgroupParent: '/gantry/c/n1/uid' },
    });
  });

  it('keeps values of the environment whole, and the log where it belongs', () => {
    const { envs, logPath, command, workingDir } = config();
    expect(envs).toEqual([
      { key: 'A', value: 'b=c' },
      { key: 'EMPTY', value: '' },
    ]);
    expect({ logPath, command, workingDir }).toEqual({
      ...{ logPath: '0.log', command: ['sh', '-c', 'true'], workingDir: '/w' },
    });
  });

  it('allows no swap, and no score the agent may not give', () => {
    expect(config().linux.resources).toEqual({
      ...{ cpuQuota: 30_000, cpuPeriod: 100_000, cpuShares: 102, oomScoreAdj: -5 },
      ...{ memoryLimitInBytes: 33_554_432, memorySwapLimitInBytes: 33_554_432 },
    });
  });

  it('gives just the capabilities that are meant, and a filter where there is one', () => {
    const security = containerSecurity(
      {},
      { securityContext: { capabilities: { drop: ['ALL'], add: ['CHOWN'] } } },
    );
    const { securityContext } = config({ security }, { seccompFile: '/c/seccomp.json' }).linux;
    expect(securityContext).toMatchObject({
      capabilities: { dropCapabilities: ['ALL'], addCapabilities: ['CHOWN'] },
      ...{ runAsUser: { value: 5 }, runAsGroup: { value: 6 }, readonlyRootfs: true, noNewPrivs: true },
      seccomp: { profileType: profileType.localhost, localhostRef: '/c/seccomp.json' },
    });
    expect(securityContext.maskedPaths).toContain('/proc/kcore');
    expect(config({ security }).linux.securityContext.seccomp.profileType).toBe(profileType.unconfined);
  });

  it('shows the processes of another container where that is asked', () => {
    expect(config().linux.securityContext.namespaceOptions.pid).toBe(namespaceMode.container);
    expect(config({}, { processesOf: 'ff' }).linux.securityContext.namespaceOptions).toMatchObject({
      ...{ pid: namespaceMode.target, targetId: 'ff' },
    });
  });

  it("mounts the node's files below a root of the node, and the task's own over them", () => {
    expect(config().mounts.map(({ containerPath }) => containerPath)).toEqual([
      '/usr',
      '/etc/ssl',
      '/etc/hosts',
    ]);
    const mounts = [{ source: '/v/ssl', destination: '/etc/ssl', readOnly: false }];
    expect(config({ mounts }).mounts).toEqual([
      { hostPath: '/usr', containerPath: '/usr', readonly: true },
      { hostPath: '/v/ssl', containerPath: '/etc/ssl', readonly: false },
    ]);
  });
});
