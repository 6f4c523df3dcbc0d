import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Task } from '../../../api/kinds/resources.ts';
import type { Container } from '../../../api/kinds/task-spec.ts';
import { conditionOf } from '../../../api/meta/conditions.ts';
import { LocalAgent } from './local-agent.ts';

const resources = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } };

describe('a running task', () => {
  const agent = new LocalAgent();
  let serial = 1;
  beforeAll(() => agent.up());
  afterAll(() => agent.remove());

  /** As the API server does: the spec changes, and with it the generation. */
  async function resize(name: string, wanted: Container['resources'], conditions: object[] = []) {
    const { spec } = await agent.get(name);
    const containers = spec.containers.map((each) => ({ ...each, resources: wanted }));
    serial += 1;
    const body = { metadata: { generation: serial }, spec: { containers }, status: { conditions } };
    await agent.client.patch(Task, { namespace: 'default', name }, { type: 'merge', body });
  }

  const containerOf = ({ status }: Task) => status.containerStatuses?.[0];

  /** The limits of memory of the container's own group and of its task's, whichever version these are of. */
  function memoryLimits({ status }: Task): number[] {
    const pid = status.containerStatuses?.[0]?.pid;
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
    const v1 = lines.map((line) => line.split(':')).find(([, controllers]) => controllers === 'memory');
    const path = v1?.[2] ?? lines.find((line) => line.startsWith('0::'))?.slice(3) ?? '';
    const [root, file] = v1 ? ['/memory', 'memory.limit_in_bytes'] : ['', 'memory.max'];
    return [path, path.replace(/\/[^/]+$/, '')].map((group) =>
      Number(readFileSync(`/sys/fs/cgroup${root}${group}/${file}`, 'utf8')),
    );
  }

  it('gets more, and less, without a restart', async () => {
    await agent.create('grows', { command: ['sleep', '1000'], resources });
    const before = await agent.running('grows');
    expect(containerOf(before)).toMatchObject({ resources, allocatedResources: resources.requests });
    for (const memory of ['128Mi', '48Mi']) {
      const wanted = { ...resources, limits: { cpu: '700m', memory } };
      await resize('grows', wanted);
      const after = await agent.until(
        'grows',
        `it has ${memory}`,
        (task) => containerOf(task)?.resources?.limits?.['memory'] === memory,
      );
      expect(containerOf(after)).toMatchObject({ restartCount: 0, pid: containerOf(before)?.pid });
      const bytes = Number.parseInt(memory, 10) * 1024 ** 2;
      expect(memoryLimits(after)).toEqual([bytes, bytes]);
      await agent.until(
        'grows',
        'the resize is done',
        ({ status }) => !conditionOf(status.conditions, 'PodResizeInProgress'),
      );
    }
  });

  it('keeps the memory it uses, and says why', async () => {
    const eat = 'head -c 40m /dev/zero > /dev/shm/x && touch /tmp/full && exec sleep 1000';
    const thresholds = {
      initialDelaySeconds: 0,
      timeoutSeconds: 5,
      successThreshold: 1,
      failureThreshold: 3,
    };
    const readinessProbe = {
      ...{ exec: { command: ['test', '-f', '/tmp/full'] }, periodSeconds: 1, ...thresholds },
    };
    await agent.create('eats', { command: ['sh', '-c', eat], resources, readinessProbe });
    await agent.until('eats', 'it has eaten', (task) => containerOf(task)?.ready === true);
    const small = { requests: { cpu: '100m', memory: '16Mi' }, limits: { cpu: '200m', memory: '24Mi' } };
    await resize('eats', small);
    const waits = await agent.until(
      'eats',
      'it waits',
      ({ status }) => conditionOf(status.conditions, 'PodResizeInProgress')?.reason === 'Error',
    );
    const condition = conditionOf(waits.status.conditions, 'PodResizeInProgress');
    expect(condition?.message).toMatch(/uses \d+Ki of memory, more than its new limit of 24Mi/);
    expect(containerOf(waits)).toMatchObject({ resources, restartCount: 0 });
  });

  it('goes on as before while there is no room for what is wanted', async () => {
    await agent.create('waits', { command: ['sleep', '1000'], resources });
    await agent.running('waits');
    const more = { ...resources, limits: { cpu: '900m', memory: '512Mi' } };
    const pending = { type: 'PodResizePending', status: 'True', reason: 'Deferred' };
    await resize('waits', more, [pending]);
    const { metadata } = await agent.until(
      'waits',
      'the agent has seen it',
      ({ status, metadata }) => status.observedGeneration === metadata.generation,
    );
    const task = await agent.get('waits');
    expect(containerOf(task)?.resources).toEqual(resources);
    expect(memoryLimits(task)[0]).toBe(64 * 1024 ** 2);
    const body = { metadata: { generation: (metadata.generation ?? 0) + 1 }, status: { conditions: [] } };
    await agent.client.patch(Task, { namespace: 'default', name: 'waits' }, { type: 'merge', body });
    await agent.until(
      'waits',
      'it has it',
      (now) => containerOf(now)?.resources?.limits?.['memory'] === '512Mi',
    );
  });

  it('is restarted where its policy says so', async () => {
    const resizePolicy = [{ resourceName: 'memory' as const, restartPolicy: 'RestartContainer' as const }];
    await agent.create('restarts', { command: ['sleep', '1000'], resources, resizePolicy });
    await agent.running('restarts');
    await resize('restarts', { ...resources, limits: { cpu: '200m', memory: '96Mi' } });
    const after = await agent.until('restarts', 'it runs again', (task) => {
      const container = containerOf(task);
      return container?.restartCount === 1 && container.state.running !== undefined;
    });
    expect(containerOf(after)?.resources?.limits?.['memory']).toBe('96Mi');
    expect(memoryLimits(after)[0]).toBe(96 * 1024 ** 2);
  });
});
