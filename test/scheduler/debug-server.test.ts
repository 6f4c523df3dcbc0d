/** What a scheduler tells about itself. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DebugServer, serveDebug } from '../../scheduler/debug-server.ts';
import { SchedulerCell } from './scheduler-cell.ts';

let cell: SchedulerCell;
let debug: DebugServer | undefined;
beforeEach(async () => {
  cell = await SchedulerCell.open();
});
afterEach(async () => {
  await debug?.close();
  await cell.close();
});

const read = async (path: string): Promise<string> => (await fetch(`http://${debug?.address}${path}`)).text();

it('conflicts and wasted work are in its metrics, and scores in its decisions', async () => {
  await cell.createNode('n1', { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } });
  const client = cell.schedulerClient();
  const commit = client.commit.bind(client);
  let late = true;
  client.commit = async (plan) => {
    if (late)
      await cell.cluster.client.commit({
        mode: 'Incremental',
        binds: [{ namespace: 'default', name: 'theirs', node: 'n1' }],
      });
    late = false;
    return commit(plan);
  };
  await cell.createTask('theirs', { requests: { cpu: '2' }, schedulerName: 'other' });
  await cell.createTask('ours', { requests: { cpu: '1' } });
  const scheduler = cell.startScheduler('default-scheduler', client);
  debug = await serveDebug(scheduler, '127.0.0.1:0');
  await cell.cluster.until(() => scheduler.metrics.conflicts === 1);
  const metrics = await read('/metrics');
  expect(metrics).toContain('\nscheduler_conflicts_total 1\n');
  expect(metrics).toContain('\nscheduler_thrown_away_total 1\n');
  expect(metrics).toContain('\nscheduler_conflict_fraction 1\n');
  expect(await read('/healthz')).toBe('ok\n');
  const { items } = JSON.parse(await read('/decisions?task=default/ours'));
  expect(items[0]).toMatchObject({ node: 'n1', scores: [{ plugin: 'BestFit' }] });
  expect(JSON.parse(await read('/decisions?task=default/nobody'))).toEqual({ items: [] });
  expect(await read('/elsewhere')).toBe('not found\n');
});

it('an address that is none is refused', async () => {
  await expect(serveDebug(cell.startScheduler(), 'everywhere')).rejects.toMatchObject({
    reason: 'BadRequest',
  });
});

it('a wall clock that jumps does no harm: what waits goes on by the monotonic one', async () => {
  await cell.createNode('n1', { allocatable: { cpu: '1', memory: '4Gi', pods: '10' } });
  const scheduler = cell.startScheduler();
  await cell.createTask('first', { requests: { cpu: '1' } });
  await cell.cluster.until(() => cell.nodeOfTask('first'));
  await cell.createTask('second', { requests: { cpu: '1' } });
  await cell.cluster.until(async () => (await cell.task('second')).status.pending);
  cell.cluster.clock.jump(-86_400_000);
  await cell.reportPhase('first', 'Succeeded');
  expect(await cell.cluster.until(() => cell.nodeOfTask('second'), { limitMs: 5_000 })).toBe('n1');
  cell.cluster.clock.jump(400 * 86_400_000);
  await cell.reportPhase('second', 'Succeeded');
  await cell.createTask('third', { requests: { cpu: '1' } });
  expect(await cell.cluster.until(() => cell.nodeOfTask('third'), { limitMs: 5_000 })).toBe('n1');
  expect(scheduler.metrics.thrownAway).toBe(0);
});
