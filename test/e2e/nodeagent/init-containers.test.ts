/** Init containers and sidecars as real containers: in order, once, and around the life of the task. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InitContainer } from '../../../api/kinds/task-spec.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually } from './machine-traces.ts';

const init = (name: string, script: string, changes: Partial<InitContainer> = {}): InitContainer => ({
  ...{ name, image: 'busybox', command: ['sh', '-c', script], resources: {} },
  ...changes,
});

describe('init containers', () => {
  const agent = new LocalAgent();
  beforeAll(() => agent.up());
  afterAll(() => agent.remove());

  it('run one after another before the task does', async () => {
    const initContainers = [init('first', 'sleep 1'), init('second', 'true')];
    await agent.create('ordered', { command: ['true'] }, { initContainers, restartPolicy: 'Never' });
    const { status } = await agent.over('ordered');
    expect(status.phase).toBe('Succeeded');
    const [first, second] = status.initContainerStatuses?.map(({ state }) => state.terminated) ?? [];
    const main = status.containerStatuses?.[0]?.state.terminated;
    expect([first?.exitCode, second?.exitCode, main?.exitCode]).toEqual([0, 0, 0]);
    expect(Date.parse(second?.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(first?.finishedAt ?? ''));
    expect(Date.parse(main?.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(second?.finishedAt ?? ''));
    await agent.delete('ordered');
  });

  it('that fail for good fail the task, which never runs', async () => {
    const initContainers = [init('broken', 'exit 7')];
    await agent.create('broken', { command: ['true'] }, { initContainers, restartPolicy: 'Never' });
    const { status } = await agent.over('broken');
    expect(status).toMatchObject({ phase: 'Failed', message: 'a container ended with exit code 7' });
    expect(status.containerStatuses?.[0]?.state.terminated?.reason).toBe('ContainerNotStarted');
    await agent.delete('broken');
  });

  it('that fail are tried again otherwise', async () => {
    const initContainers = [init('flaky', 'exit 1')];
    await agent.create('flaky', { command: ['true'] }, { initContainers });
    const backingOff = await agent.until(
      'flaky',
      'backs off',
      ({ status }) => status.initContainerStatuses?.[0]?.state.waiting?.reason === 'CrashLoopBackOff',
    );
    expect(backingOff.status.phase).toBe('Pending');
    await agent.delete('flaky');
  });

  it('that stay run beside the task and end after it, with time to finish', async () => {
    const script = 'trap "echo last words; exit 0" TERM; while :; do sleep 0.1; done';
    const initContainers = [init('log', script, { restartPolicy: 'Always' })];
    await agent.create(
      'sidecar',
      { command: ['sleep', '2'] },
      {
        ...{ initContainers, restartPolicy: 'Never', terminationGracePeriodSeconds: 5 },
      },
    );
    const { status } = await agent.running('sidecar');
    expect(status.initContainerStatuses?.[0]).toMatchObject({ ready: true, state: { running: {} } });
    const over = await agent.over('sidecar');
    expect(over.status.phase).toBe('Succeeded');
    expect(readFileSync(agent.logOf(over, 'log'), 'utf8')).toMatch(/last words/);
    await agent.delete('sidecar');
  });

  it('go on under the next agent', async () => {
    const initContainers = [init('slow', 'sleep 3'), init('then', 'true')];
    await agent.create('adopted', { command: ['sleep', '1000'] }, { initContainers });
    await eventually('the first runs', async () =>
      Boolean((await agent.get('adopted')).status.initContainerStatuses?.[0]?.state.running),
    );
    await agent.stop();
    await agent.up();
    const { status } = await agent.running('adopted');
    expect(status.initContainerStatuses?.map(({ restartCount }) => restartCount)).toEqual([0, 0]);
    await agent.delete('adopted');
  });
});
