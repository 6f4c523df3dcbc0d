/** Whom a preemption spares: disruption budgets, gangs, work that would be lost. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { candidateOn } from '../../scheduler/core/preemption.ts';
import { PreemptionIndex } from '../../scheduler/core/preemption-index.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, type TaskWords, taskOf } from './cell.ts';
import { SchedulerCell } from './scheduler-cell.ts';

const full = { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } };
const cpu = (amount: string, priority = 0): TaskWords => ({ requests: { cpu: amount }, priority });
const ofJob = (job: string, amount: string, words: TaskWords = {}): TaskWords => ({
  ...cpu(amount),
  job,
  phase: 'Running',
  ...words,
});
const namesOf = (victims: readonly { key: string }[] = []): string[] =>
  victims.map(({ key }) => key.replace('default/', '')).sort();

function displacedBy(cell: Cell, words: TaskWords): [node: string, ...victims: string[]] | undefined {
  const found = new PreemptionIndex(cell.profile, cell.state).find(schedulingTask(taskOf('p', words)));
  return found && [found.node, ...namesOf(found.victims)];
}

describe('a disruption budget', () => {
  const budgeted = () => {
    const cell = new Cell({ n1: full, n2: full });
    cell.state.setBudget('default/db', { wanted: 2, maxUnavailable: 0 });
    return cell.run('db-0', 'n1', ofJob('db', '1')).run('batch', 'n1', cpu('1', 50));
  };

  it('is worth more than the priority of others: the unprotected task goes though it is more important', () => {
    const cell = budgeted().run('high', 'n2', cpu('2', 200_000));
    expect(displacedBy(cell, cpu('1', 100_000))).toEqual(['n1', 'batch']);
  });

  it('that would be broken on one node sends the preemptor to another', () => {
    const cell = budgeted().run('other', 'n2', cpu('2', 90));
    expect(displacedBy(cell, cpu('2', 100_000))).toEqual(['n2', 'other']);
  });

  it('is broken as the last resort', () => {
    const cell = budgeted().run('high', 'n2', cpu('2', 200_000));
    expect(displacedBy(cell, cpu('2', 100_000))).toEqual(['n1', 'batch', 'db-0']);
  });

  it('counts those that are away anyway', () => {
    const cell = new Cell({ n1: full, n2: full });
    cell.state.setBudget('default/db', { wanted: 2, maxUnavailable: 1 });
    cell.run('db-0', 'n1', ofJob('db', '2')).run('other', 'n2', cpu('2', 90));
    expect(displacedBy(cell, cpu('2', 100_000))).toEqual(['n2', 'other']);
    cell.run('db-1', 'n3', ofJob('db', '2'));
    expect(displacedBy(cell, cpu('2', 100_000))).toEqual(['n1', 'db-0']);
  });

  it('that selects tasks by their labels protects them, beside that of their job', () => {
    const cell = new Cell({ n1: full, n2: full });
    const labels = { app: 'db' };
    cell.run('db-0', 'n1', ofJob('db', '2', { labels })).run('other', 'n2', cpu('2', 90));
    const index = new PreemptionIndex(cell.profile, cell.state);
    const task = schedulingTask(taskOf('p', cpu('2', 100_000)));
    const nodeAfter = (allowed: number): string | undefined => {
      cell.state.budgets.select('default/db', {
        covers: (identity) => identity.labels['app'] === 'db',
        allowed,
      });
      return index.find(task)?.node;
    };
    expect([nodeAfter(0), nodeAfter(1), nodeAfter(0)]).toEqual(['n2', 'n1', 'n2']);
    expect(index.find(task)?.overridesBudgets).toBe(false);
    cell.state.setBudget('default/db', { wanted: 1, maxUnavailable: 0 });
    expect(nodeAfter(1)).toBe('n2');
  });

  it('that changes is noticed by remembered candidates', () => {
    const cell = budgeted().run('other', 'n2', cpu('2', 90));
    const index = new PreemptionIndex(cell.profile, cell.state);
    const task = schedulingTask(taskOf('p', cpu('2', 100_000)));
    expect(index.find(task)?.node).toBe('n2');
    cell.state.setBudget('default/db', undefined);
    expect(index.find(task)?.node).toBe('n1');
  });
});

describe('a gang of victims', () => {
  const gang = { minMember: 2 };

  it('goes as a whole when one of it would leave too few, wherever the others are', () => {
    const cell = new Cell({ n1: full, n2: full })
      .run('a-0', 'n1', ofJob('a', '2', { gang }))
      .run('a-1', 'n2', ofJob('a', '2', { gang }));
    expect(displacedBy(cell, cpu('2', 100_000))).toEqual(['n1', 'a-0', 'a-1']);
  });

  it('loses one when enough are left', () => {
    const cell = new Cell({ n1: full, n2: full, n3: full });
    for (const index of [0, 1, 2]) cell.run(`a-${index}`, `n${index + 1}`, ofJob('a', '2', { gang }));
    expect(displacedBy(cell, cpu('2', 100_000))?.length).toBe(2);
  });

  it('is spared when a single task of its priority would do', () => {
    const cell = new Cell({ n1: full, n2: full })
      .run('a-0', 'n1', ofJob('a', '1', { gang }))
      .run('a-1', 'n2', ofJob('a', '2', { gang }))
      .run('single', 'n1', { ...cpu('1'), created: '2029-01-01T00:00:00Z' });
    expect(displacedBy(cell, cpu('1', 100_000))).toEqual(['n1', 'single']);
  });
});

it('of victims alike, those that would lose less work go', () => {
  const cell = new Cell({ n1: full, n2: full })
    .run('old', 'n1', { ...cpu('1'), created: '2029-12-01T00:00:00Z' })
    .run('older', 'n1', { ...cpu('1'), created: '2029-12-01T00:00:00Z' })
    .run('young', 'n2', { ...cpu('1'), created: '2029-12-31T00:00:00Z' })
    .run('younger', 'n2', { ...cpu('1'), created: '2029-12-31T00:00:00Z' });
  expect(displacedBy(cell, cpu('2', 100_000))).toEqual(['n2', 'young', 'younger']);
});

it('for all cells: nobody of equal or higher priority goes, and no budget is broken where a node needs none broken', () => {
  const anyRun = fc.record({
    node: fc.nat(3),
    job: fc.constantFrom('a', 'b', 'c'),
    cpu: fc.constantFrom('500m', '1', '2'),
    priority: fc.constantFrom(0, 50, 100_000, 200_000),
    gang: fc.boolean(),
  });
  const property = fc.property(
    fc.array(anyRun, { minLength: 3, maxLength: 20 }),
    fc.constantFrom(100_000, 200_000),
    (runs, priority) => {
      const cell = new Cell(Object.fromEntries([0, 1, 2, 3].map((name) => [`n${name}`, full])));
      for (const job of ['a', 'b']) cell.state.setBudget(`default/${job}`, { wanted: 2, maxUnavailable: 1 });
      for (const [at, { node, gang, job, ...words }] of runs.entries()) {
        const member = gang ? { gang: { minMember: 2 }, job: `gang-${words.priority}` } : { job };
        cell.run(`t${at}`, `n${node}`, ofJob(member.job, words.cpu, { priority: words.priority, ...member }));
      }
      const task = schedulingTask(taskOf('p', cpu('2', priority)));
      const found = new PreemptionIndex(cell.profile, cell.state).find(task);
      for (const victim of found?.victims ?? []) expect(victim.priority).toBeLessThan(priority);
      const costs = [0, 1, 2, 3].flatMap((slot) => candidateOn(task, slot, cell.state)?.violations ?? []);
      const chosen = found && candidateOn(task, found.slot, cell.state);
      expect(chosen?.violations).toBe(costs.length > 0 ? Math.min(...costs) : undefined);
    },
  );
  fc.assert(property, { numRuns: 300 });
});

describe('against the API server', () => {
  let cell: SchedulerCell;
  beforeEach(async () => {
    cell = await SchedulerCell.open();
  });
  afterEach(() => cell.close());

  it('a gang is told to end at one revision, with the reason, and the preemptor is nominated', async () => {
    for (const name of ['n1', 'n2']) await cell.createNode(name, full);
    const scheduler = cell.startScheduler();
    const member = {
      job: 'a',
      gang: { minMember: 2 },
      requests: { cpu: '2' },
      priorityClassName: 'best-effort',
    };
    for (const name of ['a-0', 'a-1']) await cell.createTask(name, member);
    await cell.cluster.until(async () => (await cell.boundTasks()).length === 2);
    await cell.createTask('web', { requests: { cpu: '2' }, priorityClassName: 'production' });
    await cell.cluster.until(() => scheduler.metrics.evicted === 2);
    const [first, second, web] = await Promise.all(['a-0', 'a-1', 'web'].map((name) => cell.task(name)));
    expect(web?.status.nominatedNodeName).toBe('n1');
    for (const victim of [first, second]) {
      expect(victim?.metadata.deletionTimestamp).toBeDefined();
      expect(victim?.status.message).toBe('preempted with its gang by default/web on node n1');
    }
    await cell.reportStopped('a-0');
    expect(await cell.cluster.until(() => cell.nodeOfTask('web'))).toBe('n1');
  });

  it('a budget of a job is known from its spec', async () => {
    for (const name of ['n1', 'n2']) await cell.createNode(name, full);
    await cell.createJob('db', {
      type: 'Service',
      replicas: 1,
      disruption: { maxUnavailable: 0 },
      template: { spec: { containers: [{ name: 'main', image: 'busybox' }] } },
    });
    const scheduler = cell.startScheduler();
    const best = { requests: { cpu: '2' }, priorityClassName: 'best-effort' };
    await cell.createTask('db-0-0', { ...best, job: 'db' });
    await cell.cluster.until(() => cell.nodeOfTask('db-0-0'));
    await cell.reportPhase('db-0-0', 'Running');
    await cell.createTask('batch', { requests: { cpu: '2' }, priorityClassName: 'batch' });
    await cell.cluster.until(() => cell.nodeOfTask('batch'));
    await cell.createTask('web', { requests: { cpu: '2' }, priorityClassName: 'production' });
    await cell.cluster.until(() => scheduler.metrics.evicted === 1);
    expect((await cell.task('db-0-0')).metadata.deletionTimestamp).toBeUndefined();
    expect((await cell.task('batch')).metadata.deletionTimestamp).toBeDefined();
  });
});
