import { describe, expect, it } from 'vitest';
import type { Container } from '../../../api/kinds/task-spec.ts';
import { overStorageLimit, type StorageUsage } from '../../../nodeagent/eviction/storage-limits.ts';
import { task } from '../../kit/nodeagent-objects.ts';

const mebibytes = (count: number) => ({ usedBytes: count * 1024 ** 2, inodes: 1 });

const container = (name: string, limit?: string): Container => ({
  ...{ name, image: 'busybox' },
  resources: limit === undefined ? {} : { limits: { 'ephemeral-storage': limit } },
});

interface Case {
  containers?: Container[];
  initContainers?: Container[];
  sizeLimit?: string;
  /** Mebibytes in the volume, in the first container's files and logs. */
  volume?: number;
  rootfs?: number;
  logs?: number;
}

function usage({ sizeLimit, volume = 0, rootfs = 0, logs = 0, ...containers }: Case): StorageUsage {
  const emptyDir = sizeLimit === undefined ? {} : { sizeLimit };
  const spec = { containers: [container('main')], ...containers, volumes: [{ name: 'data', emptyDir }] };
  return {
    record: { task: task({ spec }) },
    disk: mebibytes(volume + rootfs + logs),
    volumes: new Map([['data', mebibytes(volume)]]),
    containers: [{ name: 'main', rootfs: mebibytes(rootfs), logs: mebibytes(logs) }],
  };
}

describe('a task', () => {
  const limited = [container('main', '10Mi')];
  it.each<[string, Case, string | undefined]>([
    ['without limits stays', { volume: 9000, rootfs: 9000, logs: 9000 }, undefined],
    ['with as much in a volume as it may have stays', { sizeLimit: '10Mi', volume: 10 }, undefined],
    [
      'with more in a volume goes',
      { sizeLimit: '10Mi', volume: 11 },
      'Usage of EmptyDir volume "data" exceeds the limit "10Mi": 11Mi',
    ],
    ['with as much in all as it may have stays', { containers: limited, volume: 5, rootfs: 5 }, undefined],
    [
      'with more in its volumes and containers goes',
      { containers: limited, volume: 5, rootfs: 5, logs: 1 },
      'Task ephemeral local storage usage exceeds the total limit of containers 10Mi: 11Mi',
    ],
    [
      'with more in one container than that may have goes',
      { containers: [...limited, container('other', '90Mi')], rootfs: 8, logs: 4 },
      'Container main exceeded its local ephemeral storage limit "10Mi": 12Mi',
    ],
    [
      'may have what its init containers may, when that is more',
      { initContainers: [container('first', '90Mi')], containers: [container('main')], volume: 80 },
      undefined,
    ],
    [
      'names its volume first',
      { sizeLimit: '1Mi', containers: limited, volume: 20 },
      'Usage of EmptyDir volume "data" exceeds the limit "1Mi": 20Mi',
    ],
  ])('%s', (_what, what, message) => {
    expect(overStorageLimit(usage(what))).toBe(message);
  });
});
