import { afterEach, describe, expect, it } from 'vitest';
import { parseThresholds } from '../../../nodeagent/eviction/thresholds.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually } from './machine-traces.ts';

const hard = (text: string) => parseThresholds({ hard: text, soft: '', softGrace: '', minimumReclaim: '' });
const bestEffort = 0;
const batch = 100_000;
const production = 200_000;

/** Takes so much memory, and keeps it. */
const eater = (mebibytes: number) => ({
  command: ['sh', '-c', `head -c ${mebibytes}m /dev/zero > /dev/shm/x && exec sleep 1000`],
});

describe('a node that runs out of', () => {
  let agent: LocalAgent;
  afterEach(() => agent.remove());

  const pressures = () =>
    (agent.resources?.evictor.conditions() ?? [])
      .filter(({ status }) => status === 'True')
      .map(({ type }) => type);

  it('memory evicts the lowest band first, and no more than it must', async () => {
    agent = new LocalAgent();
    await agent.up();
    await agent.watchOver('200Mi', { thresholds: hard('memory.available<100Mi') });
    await agent.create('low', eater(40), { priority: bestEffort });
    await agent.create('middle', eater(20), { priority: batch });
    await Promise.all([agent.running('low'), agent.running('middle')]);
    await agent.create('high', eater(60), { priority: production });
    const low = await agent.over('low');
    expect(low.status).toMatchObject({ phase: 'Failed', reason: 'Evicted' });
    expect(low.status.message).toMatch(/low on memory\.available: \d+Ki is left, less than 100Mi/);
    expect(low.status.message).toMatch(/had requested 0$/);
    await eventually('the pressure is over', () => pressures().length === 0);
    expect((await agent.get('middle')).status.phase).toBe('Running');
    expect((await agent.get('high')).status.phase).toBe('Running');
  });

  it('processes evicts who has the most', async () => {
    agent = new LocalAgent();
    await agent.up();
    await agent.watchOver('1Gi', { maxProcesses: 60, thresholds: hard('pid.available<30') });
    await agent.create('quiet', { command: ['sleep', '1000'] }, { priority: batch });
    await agent.running('quiet');
    const forks = 'for i in $(seq 35); do sleep 1000 & done; wait';
    await agent.create('forks', { command: ['sh', '-c', forks] }, { priority: batch });
    const { status } = await agent.over('forks');
    expect(status).toMatchObject({ phase: 'Failed', reason: 'Evicted' });
    expect(status.message).toMatch(/low on pid\.available: \d+ is left, less than 30/);
    expect((await agent.get('quiet')).status.phase).toBe('Running');
  });

  it('disk evicts who has written the most', async () => {
    agent = new LocalAgent();
    await agent.up();
    const write = 'head -c 20m /dev/zero > /tmp/x && exec sleep 1000';
    await agent.create('writer', { command: ['sh', '-c', write] }, { priority: batch });
    await agent.create('quiet', { command: ['sleep', '1000'] }, { priority: batch });
    await Promise.all([agent.running('writer'), agent.running('quiet')]);
    await agent.watchOver('1Gi', { thresholds: hard('nodefs.available<99%') });
    const { status } = await agent.over('writer');
    expect(status.reason).toBe('Evicted');
    expect(status.message).toMatch(
      /low on nodefs\.available: .* is left, less than 99%; the task used 2\dM|Ki/,
    );
    expect(pressures()).toEqual(['DiskPressure']);
  });

  it('what one of its volumes may hold evicts that task alone', async () => {
    agent = new LocalAgent();
    await agent.up();
    const fill = (name: string, mebibytes: number) => ({
      initContainers: [
        {
          ...{ name: 'fill', image: 'busybox', resources: {} },
          command: ['sh', '-c', `head -c ${mebibytes}m /dev/zero > /data/${name}`],
          volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: false }],
        },
      ],
      volumes: [{ name: 'data', emptyDir: { sizeLimit: '2Mi' } }],
    });
    await agent.create('much', { command: ['sleep', '1000'] }, fill('much', 4));
    await agent.create('little', { command: ['sleep', '1000'] }, fill('little', 1));
    await Promise.all([agent.running('much'), agent.running('little')]);
    await agent.watchOver('1Gi', {});
    const { status } = await agent.over('much');
    expect(status).toMatchObject({ phase: 'Failed', reason: 'Evicted' });
    expect(status.message).toMatch(/^Usage of EmptyDir volume "data" exceeds the limit "2Mi": 4\d*[KM]i$/);
    expect((await agent.get('little')).status.phase).toBe('Running');
  });
});
