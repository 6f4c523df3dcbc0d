import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/kinds/resources.ts';
import { changedStatus, missingMarks, type NodeIdentity, nodeStatus } from '../../nodeagent/node-status.ts';

const identity: NodeIdentity = {
  name: 'n1',
  address: '10.0.0.1',
  port: 10_250,
  labels: { zone: 'a' },
  allocatable: { cpu: '2', memory: '800Mi', pods: '110' },
  capacity: { cpu: '2', memory: '1Gi', pods: '110' },
  nodeInfo: {} as NodeIdentity['nodeInfo'],
  driver: 'oci',
  driverReason: 'tasks are containers',
};
const state = { conditions: [], images: [{ names: ['busybox:latest'], digest: 'sha256:1', sizeBytes: 7 }] };
const node = (changes: object = {}): Node =>
  ({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, spec: {}, status: {}, ...changes }) as Node;

describe('the Node an agent reports', () => {
  it('is Ready, with its address, port, resources and images', () => {
    const status = nodeStatus(identity, state, {}, 0);
    expect(status).toMatchObject({
      allocatable: { cpu: '2' },
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }, { type: 'Hostname' }],
      daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
      images: [{ names: ['busybox:latest'], sizeBytes: 7 }],
    });
    expect(status.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  });

  it('is written again only when it changed', () => {
    const status = nodeStatus(identity, state, {}, 0);
    expect(changedStatus(status, nodeStatus(identity, state, status, 60_000))).toBeUndefined();
    const lost = { ...status, conditions: [{ type: 'Ready', status: 'Unknown' as const }] };
    expect(changedStatus(lost, nodeStatus(identity, state, lost, 60_000))).toHaveProperty('conditions');
  });

  // Once kubectl showed the first of January of the year 1.
  it('says when it was last looked at, anew after five minutes', () => {
    const status = nodeStatus(identity, state, {}, 0);
    const later = nodeStatus(identity, state, status, 300_000);
    const heartbeats = ({ conditions = [] }: typeof status) =>
      new Set(conditions.map(({ lastHeartbeatTime }) => lastHeartbeatTime));
    expect(heartbeats(status)).toEqual(new Set(['1970-01-01T00:00:00Z']));
    expect(heartbeats(later)).toEqual(new Set(['1970-01-01T00:05:00Z']));
    expect(later.conditions?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual(
      status.conditions?.map(({ lastTransitionTime }) => lastTransitionTime),
    );
  });

  it('says that its tasks are plain processes, and keeps others away', () => {
    const unconfined = { ...identity, driver: 'unconfined' as const, driverReason: 'no root' };
    const { conditions } = nodeStatus(unconfined, state, {}, 0);
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Unconfined', status: 'True', message: 'no root' }),
    );
    expect(missingMarks(node(), unconfined)).toMatchObject({
      spec: { taints: [{ key: 'gantry.dev/unconfined', effect: 'NoSchedule' }] },
    });
  });

  it('puts back labels that were lost and leaves those of others alone', () => {
    const marks = missingMarks(
      node({ metadata: { name: 'n1', labels: { other: 'x', zone: 'b' } } }),
      identity,
    );
    expect(marks).toMatchObject({ metadata: { labels: { zone: 'a', 'kubernetes.io/hostname': 'n1' } } });
    expect(JSON.stringify(marks)).not.toContain('other');
  });
});
