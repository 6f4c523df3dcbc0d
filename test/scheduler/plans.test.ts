/** Plans (Omega's shared state): many schedulers hand in what they decided, and the truth stays whole. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Task } from '../../api/kinds/resources.ts';
import { type Allocation, readAllocation, sumOf } from '../../api/server/allocation.ts';
import { mapConcurrently } from '../../api/server/concurrency.ts';
import { parseStoreKey, registryPrefix } from '../../api/server/keys.ts';
import type { Store, StoreEvent } from '../../api/store/store.ts';
import type { Plan } from '../../client/client.ts';
import { SchedulerCell } from './scheduler-cell.ts';

let cell: SchedulerCell;
beforeEach(async () => {
  cell = await SchedulerCell.open();
});
afterEach(() => cell.close());

const small = { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } };
const cpu = (amount: string) => ({ requests: { cpu: amount } });
const bind = (name: string, node: string) => ({ namespace: 'default', name, node });

function commit(plan: Partial<Plan>) {
  return cell.cluster.client.commit({ mode: 'AllOrNothing', binds: [], ...plan });
}

describe('a plan', () => {
  beforeEach(async () => {
    for (const node of ['n1', 'n2']) await cell.createNode(node, small);
    for (const name of ['a', 'b', 'c']) await cell.createTask(name, cpu('2'));
  });

  it('that is all or nothing binds tasks to several nodes at one revision', async () => {
    expect(await commit({ binds: [bind('a', 'n1'), bind('b', 'n2')] })).toEqual([undefined, undefined]);
    const versions = (await cell.boundTasks()).map(({ metadata }) => metadata.resourceVersion);
    expect(versions.length).toBe(2);
    expect(new Set(versions).size).toBe(1);
  });

  it('that is all or nothing binds none when one does not fit, and says which', async () => {
    const [first, second, third] = await commit({
      binds: ['a', 'b', 'c'].map((name) => bind(name, name === 'b' ? 'n2' : 'n1')),
    });
    expect(first?.message).toContain('the plan is all or nothing, and 1 of its binds were refused');
    expect(second?.message).toContain('does not fit on node n1: it needs cpu 2');
    expect(third?.message).toContain('it needs cpu 2, and 0 of 2 is free');
    expect(await cell.boundTasks()).toEqual([]);
  });

  it('that is incremental binds what fits', async () => {
    const results = await commit({
      mode: 'Incremental',
      binds: ['a', 'b', 'c'].map((name) => bind(name, 'n1')),
    });
    expect(results.filter((result) => result === undefined).length).toBe(1);
    expect((await cell.boundTasks()).length).toBe(1);
  });

  it('with a revision is refused on a node whose allocation changed since, and on no other', async () => {
    const { metadata } = await cell.cluster.client.list(Task);
    await cell.createTask('tiny', cpu('100m'));
    await commit({ binds: [bind('tiny', 'n1')] });
    await cell.createTask('other', cpu('100m'));
    const revision = metadata.resourceVersion ?? '';
    const [stale] = await commit({ revision, binds: [bind('other', 'n1')] });
    expect(stale).toMatchObject({
      reason: 'Conflict',
      message: expect.stringContaining(`after ${revision}`),
    });
    expect(await commit({ revision, binds: [bind('other', 'n2')] })).toEqual([undefined]);
  });

  it('with evictions nominates, and room comes only when the agent says so', async () => {
    await commit({ binds: [bind('a', 'n1')] });
    const evictions = [{ namespace: 'default', name: 'a', reason: 'Preempted', message: 'for b' }];
    expect(await commit({ binds: [bind('b', 'n1')], evictions })).toEqual([undefined]);
    const [victim, preemptor] = await Promise.all([cell.task('a'), cell.task('b')]);
    expect(victim.metadata.deletionTimestamp).toBeDefined();
    expect(victim.status).toMatchObject({ reason: 'Preempted', message: 'for b' });
    expect(victim.metadata.resourceVersion).toBe(preemptor.metadata.resourceVersion);
    expect([preemptor.status.nominatedNodeName, preemptor.spec.nodeName]).toEqual(['n1', undefined]);
    const [early] = await commit({ binds: [bind('b', 'n1')] });
    expect(early?.message).toContain('does not fit on node n1');
    await cell.reportStopped('a');
    expect(await commit({ binds: [bind('b', 'n1')] })).toEqual([undefined]);
    expect((await cell.task('b')).status.nominatedNodeName).toBeUndefined();
  });

  it('with evictions ends nobody when the task it makes room for is gone', async () => {
    await commit({ binds: [bind('a', 'n1')] });
    const evictions = [{ namespace: 'default', name: 'a', reason: 'Preempted', message: 'for nobody' }];
    await expect(commit({ binds: [bind('gone', 'n1')], evictions })).rejects.toMatchObject({
      reason: 'NotFound',
    });
    expect((await cell.task('a')).metadata.deletionTimestamp).toBeUndefined();
  });

  it('that is incremental evicts for each bind by itself, and binds those that need no room made', async () => {
    await commit({ binds: [bind('a', 'n1')] });
    const eviction = { namespace: 'default', name: 'a', reason: 'Preempted', message: 'for b' };
    const [nominated, gone, bound] = await commit({
      mode: 'Incremental',
      binds: [
        { ...bind('b', 'n1'), evictions: [eviction] },
        { ...bind('gone', 'n2'), evictions: [{ ...eviction, name: 'c' }] },
        bind('c', 'n2'),
      ],
    });
    expect([nominated, bound]).toEqual([undefined, undefined]);
    expect(gone).toMatchObject({ reason: 'NotFound' });
    const [a, b, c] = await Promise.all([cell.task('a'), cell.task('b'), cell.task('c')]);
    expect([b.status.nominatedNodeName, b.spec.nodeName, c.spec.nodeName]).toEqual(['n1', undefined, 'n2']);
    expect(a.metadata.deletionTimestamp).toBeDefined();
    expect(c.metadata.deletionTimestamp).toBeUndefined();
  });

  it.each([
    [{ mode: 'Perhaps' }, 'mode: Unsupported value'],
    [{ binds: {} }, 'binds: must be a list'],
    [{ binds: [{ namespace: 'default', name: 'a' }] }, 'binds[0].node: Required value'],
    [{ revision: 'yesterday' }, 'revision: Invalid value'],
    [
      { mode: 'Incremental', evictions: [{ namespace: 'default', name: 'a' }] },
      'a plan with evictions of its own is AllOrNothing',
    ],
  ])('that makes no sense is refused: %j', async (plan, message) => {
    await expect(commit(plan as never)).rejects.toMatchObject({
      reason: 'BadRequest',
      message: expect.stringContaining(message),
    });
  });
});

describe('several schedulers', () => {
  it('three at once bind 5,000 tasks, and no node is over-committed at any revision', async () => {
    const [nodeCount, taskCount, schedulers] = [100, 5000, ['red', 'green', 'blue']];
    for (let node = 0; node < nodeCount; node++)
      await cell.createNode(`n${node}`, { allocatable: { cpu: '5', memory: '64Gi', pods: '110' } });
    const { revision: start } = await cell.cluster.store.get(registryPrefix);
    const indexes = Array.from({ length: taskCount }, (_, index) => index);
    await mapConcurrently(indexes, 100, (index) =>
      cell.createTask(`t${index}`, { ...cpu('100m'), schedulerName: schedulers[index % 3]! }),
    );
    const started = schedulers.map((name) => cell.startScheduler(name));
    const bound = () => started.reduce((sum, { metrics }) => sum + metrics.bound, 0);
    await cell.cluster.until(() => bound() === taskCount, { limitMs: 10 * 60_000 });
    const history = await readHistory(cell.cluster.store, start);
    expect(history.broken).toEqual([]);
    expect(history.bound).toBe(taskCount);
    const conflicts = started.reduce((sum, { metrics }) => sum + metrics.conflicts, 0);
    expect(conflicts).toBeGreaterThan(0);
    const share = ((100 * conflicts) / (conflicts + taskCount)).toFixed(1);
    console.log(
      `3 schedulers, ${taskCount} tasks: ${conflicts} conflicts (${share} %), ${history.revisions} revisions, none over-committed`,
    );
  }, 180_000);

  it('of the same name take turns: only the one with the lease decides', async () => {
    await cell.createNode('n1', small);
    const first = cell.startCandidate('first');
    await cell.createTask('a', cpu('100m'));
    await cell.cluster.until(() => cell.nodeOfTask('a'));
    const second = cell.startCandidate('second');
    await cell.createTask('b', cpu('100m'));
    await cell.cluster.until(() => cell.nodeOfTask('b'));
    expect([first.metrics.bound, second.metrics.decisions]).toEqual([2, 0]);
  });
});

/** Replays every revision from the store: what is bound is what is set aside, and never more than there is. */
async function readHistory(
  store: Store,
  start: number,
): Promise<{ broken: string[]; bound: number; revisions: number }> {
  const { revision: end } = await store.get(registryPrefix);
  const history = new History();
  await new Promise<void>((resolve, reject) => {
    const watch = store.watch(registryPrefix, start + 1, {
      onEvents(events, revision) {
        for (const event of events) history.read(event);
        history.endRevision();
        if (revision < end) return;
        watch.cancel();
        resolve();
      },
      onError: reject,
    });
  });
  return history;
}

class History {
  readonly broken: string[] = [];
  bound = 0;
  revisions = 0;
  readonly #boundOn = new Map<string, Set<string>>();
  /** Allocations written at the revision being read. */
  readonly #written = new Map<string, Allocation>();
  #revision = 0;

  read(event: StoreEvent): void {
    if (event.type !== 'put') return;
    const { kv } = event;
    if (kv.modRevision !== this.#revision) this.endRevision();
    this.#revision = kv.modRevision;
    const key = parseStoreKey(kv.key);
    if (key.type === 'allocation') this.#written.set(key.node, readAllocation(kv));
    if (key.type !== 'object' || key.kindId !== 'gantry.dev/tasks') return;
    const { spec } = JSON.parse(kv.value.toString()) as Task;
    if (spec.nodeName === undefined) return;
    const there = this.#boundOn.get(spec.nodeName) ?? new Set();
    if (!there.has(key.key)) this.bound++;
    this.#boundOn.set(spec.nodeName, there.add(key.key));
  }

  endRevision(): void {
    this.revisions++;
    for (const [node, allocation] of this.#written) {
      const milliCpu = sumOf(allocation)['cpu'] ?? 0;
      if (milliCpu > 5000) this.broken.push(`${this.#revision}: ${node} has ${milliCpu}m of 5000m set aside`);
      const held = Object.keys(allocation.tasks).sort().join();
      if (held !== [...(this.#boundOn.get(node) ?? [])].sort().join())
        this.broken.push(`${this.#revision}: ${node} holds others than are bound to it`);
    }
    this.#written.clear();
  }
}
