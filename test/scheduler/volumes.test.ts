/** Tasks go where the volumes of their claims are, and a new claim where there is room for it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PersistentVolume, PersistentVolumeClaim, StorageClass, Task } from '../../api/kinds/resources.ts';
import { affinityTo, localProvisioner, provisionedByAnnotation } from '../../api/kinds/volume-names.ts';
import { ClassIndex } from '../../scheduler/core/class-index.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { ForkedCell } from '../../scheduler/what-if/forked-cell.ts';
import { Cell, type NodeWords, nodeOf, type TaskWords, taskOf } from './cell.ts';
import { SchedulerCell } from './scheduler-cell.ts';

const disk = (amount: string): NodeWords => ({
  allocatable: { cpu: '4', pods: '10', 'ephemeral-storage': amount },
  givesVolumes: true,
});

const local: StorageClass = {
  ...{ apiVersion: StorageClass.apiVersion, kind: StorageClass.kind, metadata: { name: 'local' } },
  ...{ provisioner: localProvisioner, reclaimPolicy: 'Delete', volumeBindingMode: 'WaitForFirstConsumer' },
};

function claimOf(name: string, spec: Partial<PersistentVolumeClaim['spec']> = {}): PersistentVolumeClaim {
  return {
    apiVersion: PersistentVolumeClaim.apiVersion,
    kind: PersistentVolumeClaim.kind,
    metadata: { namespace: 'default', name, uid: `uid-of-${name}` },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '4Gi' } },
      storageClassName: 'local',
      volumeMode: 'Filesystem',
      ...spec,
    },
    status: { phase: 'Pending' },
  };
}

function volumeOf(claim: string, node: string, storage = '4Gi'): PersistentVolume {
  return {
    apiVersion: PersistentVolume.apiVersion,
    kind: PersistentVolume.kind,
    metadata: { name: `pv-${claim}`, annotations: { [provisionedByAnnotation]: localProvisioner } },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage },
      local: { path: '/data' },
      nodeAffinity: affinityTo(node),
      claimRef: { namespace: 'default', name: claim, uid: `uid-of-${claim}` },
      persistentVolumeReclaimPolicy: 'Delete',
      volumeMode: 'Filesystem',
    },
    status: { phase: 'Bound' },
  };
}

const mounts = (...names: string[]): TaskWords => ({
  volumes: names.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
});

describe('a task with claims', () => {
  let cell: Cell;
  beforeEach(() => {
    cell = new Cell({ n1: disk('6Gi'), n2: disk('10Gi'), bare: { allocatable: { cpu: '64', pods: '10' } } });
    cell.state.claims.setStorageClass(local);
  });

  it('goes where its volume is', () => {
    cell.state.claims.setClaim(claimOf('data'));
    for (const node of ['n1', 'n2']) {
      cell.state.claims.setVolume(volumeOf('data', node));
      expect(cell.answer(mounts('data'))).toBe(node);
    }
    cell.state.removeNode('n2');
    expect(cell.answer(mounts('data'))).toBe('0/2 nodes are available: 2 without the volume of claim data');
  });

  it('of a new one goes where there is room for it, and says how much is missing', () => {
    cell.state.claims.setClaim(claimOf('big', { resources: { requests: { storage: '8Gi' } } }));
    expect(cell.answer(mounts('big'))).toBe('n2');
    cell.state.claims.setVolume(volumeOf('other', 'n2'));
    expect(cell.answer(mounts('big'))).toBe(
      '0/3 nodes are available: 2 insufficient ephemeral-storage for volumes, 1 without a place for volumes; closest n1 needs 2Gi more ephemeral-storage (8Gi asked, 6Gi in all)',
    );
  });

  it('of a new one follows the task that was placed with it first, seen or not', () => {
    cell.state.claims.setClaim(claimOf('data'));
    cell.state.assume(schedulingTask(taskOf('first', mounts('data'))), 'n1');
    expect(cell.answer(mounts('data'))).toBe('n1');
    cell.state.forget('uid-of-first');
    cell.state.assume(schedulingTask(taskOf('first', mounts('data'))), 'n2');
    expect(cell.answer(mounts('data'))).toBe('n2');
  });

  it('is of no use to two volumes on two nodes', () => {
    for (const [claim, node] of [
      ['left', 'n1'],
      ['right', 'n2'],
    ] as const) {
      cell.state.claims.setClaim(claimOf(claim));
      cell.state.claims.setVolume(volumeOf(claim, node));
    }
    expect(cell.answer(mounts('left', 'right'))).toContain('without the volume of claim');
  });

  it.each([
    ['does not exist', undefined],
    ['has no volume, and its class makes none', { storageClassName: 'fast' }],
    ['asks for a volume of many nodes', { accessModes: ['ReadWriteMany' as const] }],
    ['waits for its volume', { volumeName: 'somewhere' }],
  ])('waits while the claim %s', (problem, spec) => {
    if (spec) cell.state.claims.setClaim(claimOf('data', spec));
    expect(cell.answer(mounts('data'))).toBe(
      `0/3 nodes are available: 3 of no use while claim data ${problem}`,
    );
  });

  it('for one task alone waits for the one that has it', () => {
    cell.state.claims.setClaim(claimOf('own', { accessModes: ['ReadWriteOncePod'] }));
    cell.state.claims.setVolume(volumeOf('own', 'n1'));
    cell.run('holder', 'n1', mounts('own'));
    expect(cell.answer(mounts('own'))).toContain('claim own has a task already');
    cell.state.removeTask('uid-of-holder');
    expect(cell.answer(mounts('own'))).toBe('n1');
  });

  it('is decided by classes as by a look at every node, whatever becomes of its claim', () => {
    const index = new ClassIndex(cell.profile, cell.state.snapshot);
    const asked = schedulingTask(taskOf('asked', mounts('data')));
    const agree = (): void => expect(index.schedule(asked).node).toBe(cell.decide(mounts('data')).node);
    agree();
    cell.state.claims.setClaim(claimOf('data'));
    agree();
    cell.state.claims.setVolume(volumeOf('data', 'n1'));
    agree();
    cell.state.claims.setVolume(volumeOf('data', 'n2'));
    agree();
    cell.state.claims.setVolume(volumeOf('data', 'n2'), true);
    agree();
  });

  it('gives back the disk of volumes that are gone, and the slot of a node that is', () => {
    const { snapshot } = cell.state;
    const free = (): number => snapshot.resource('ephemeral-storage')?.free[0] ?? 0;
    const before = free();
    cell.state.claims.setClaim(claimOf('data'));
    cell.state.assume(schedulingTask(taskOf('first', mounts('data'))), 'n1');
    expect(free()).toBe(before - 4 * 1024 ** 3);
    cell.state.claims.setVolume(volumeOf('data', 'n1'));
    expect(free()).toBe(before - 4 * 1024 ** 3);
    cell.state.removeTask('uid-of-first');
    expect(free()).toBe(before - 4 * 1024 ** 3);
    cell.state.removeNode('n1');
    cell.state.claims.setVolume(volumeOf('data', 'n1'), true);
    cell.state.setNode(nodeOf('n4', disk('1Gi')));
    expect(free()).toBe(1024 ** 3);
  });

  it('would fit without the claim that is elsewhere: why says so', () => {
    const task = taskOf('asked', { ...mounts('data'), nodeSelector: { 'kubernetes.io/hostname': 'n2' } });
    const claims = { claims: [claimOf('data')], volumes: [volumeOf('data', 'n1')], classes: [local] };
    const fork = new ForkedCell([nodeOf('n1', disk('6Gi')), nodeOf('n2', disk('6Gi'))], [], { claims });
    const relaxation = fork.relaxationsOf(task).find(({ kind }) => kind === 'claim');
    expect(relaxation?.text).toBe('if it did not use claim data, whose volume is on n1');
    const relaxed = { ...task, spec: { ...task.spec, ...relaxation?.change(task.spec) } };
    expect([fork.decide(task).node, fork.decide(relaxed).node]).toEqual([undefined, 'n2']);
  });
});

describe('a scheduler', () => {
  let cell: SchedulerCell;
  beforeEach(async () => {
    cell = await SchedulerCell.open();
    for (const name of ['n1', 'n2', 'n3']) await cell.createNode(name, disk('10Gi'));
    cell.startScheduler();
  });
  afterEach(() => cell.close());

  const createClaim = async (name: string): Promise<void> => {
    const { spec } = claimOf(name);
    await cell.cluster.client.create(PersistentVolumeClaim, {
      metadata: { namespace: 'default', name },
      spec,
    });
  };

  it('places all tasks of a new claim on one node, and one that came before its claim once that is there', async () => {
    for (const name of ['a', 'b', 'c']) await cell.createTask(name, mounts('data'));
    await cell.cluster.until(
      async () => (await cell.task('c')).status.pending?.message.includes('does not exist') ?? false,
    );
    await createClaim('data');
    await cell.cluster.until(async () => (await cell.boundTasks()).length === 3);
    const nodes = (await cell.boundTasks()).map(({ spec }) => spec.nodeName);
    expect(new Set(nodes).size).toBe(1);
    const { items } = await cell.cluster.client.list(PersistentVolume);
    expect(items.map(({ spec }) => spec.claimRef?.name)).toEqual(['data']);
    await cell.reportStopped('a');
    await cell.createTask('d', mounts('data'));
    await cell.cluster.until(async () => (await cell.nodeOfTask('d')) !== undefined);
    expect(await cell.nodeOfTask('d')).toBe(nodes[0]);
    expect((await cell.cluster.client.list(Task)).items).toHaveLength(3);
  });
});
