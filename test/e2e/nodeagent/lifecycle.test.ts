/** Lifecycle hooks and last words of real containers. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../../api/kinds/resources.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually } from './machine-traces.ts';

const main = ({ status }: Task) => status.containerStatuses?.[0];
const sh = (script: string): string[] => ['sh', '-c', script];

describe('lifecycle hooks', () => {
  const agent = new LocalAgent();
  beforeAll(() => agent.up());
  afterAll(() => agent.remove());

  it('hold a container back until postStart is done', async () => {
    const lifecycle = { postStart: { exec: { command: sh('sleep 1; echo begun > /proc/1/fd/1') } } };
    await agent.create('begun', { command: ['sleep', '1000'], lifecycle });
    expect(main(await agent.running('begun'))).toMatchObject({ ready: false, started: false });
    const ready = await agent.until('begun', 'ready', (task) => main(task)?.ready === true);
    expect(readFileSync(agent.logOf(ready, 'main'), 'utf8')).toMatch(/begun/);
    await agent.delete('begun');
  });

  it('end and restart a container whose postStart fails', async () => {
    const lifecycle = { postStart: { exec: { command: sh('echo no luck; exit 3') } } };
    await agent.create('failed', { command: ['sleep', '1000'], lifecycle });
    const restarted = await agent.until('failed', 'restarted', (task) => (main(task)?.restartCount ?? 0) > 0);
    expect(main(restarted)?.lastState?.terminated?.message).toBe(
      'postStart hook failed: exit code 3: no luck',
    );
    await agent.delete('failed');
  });

  it('do preStop before the stop signal, and within the grace', async () => {
    // It lingers after its last words: the log goes with the task.
    const script = 'trap "echo stopped; sleep 1; exit 0" TERM; while :; do sleep 0.1; done';
    const lifecycle = { preStop: { exec: { command: sh('sleep 1; echo prepared > /proc/1/fd/1') } } };
    await agent.create('polite', { command: sh(script), lifecycle });
    const task = await agent.running('polite');
    const log = agent.logOf(task, 'main');
    let text = '';
    const deleted = agent.delete('polite', 10);
    await eventually('both are in the log', () => {
      try {
        text = readFileSync(log, 'utf8');
      } catch {
        // Gone with its task.
      }
      return text.includes('stopped');
    });
    expect(text.indexOf('prepared')).toBeGreaterThan(0);
    expect(text.indexOf('prepared')).toBeLessThan(text.indexOf('stopped'));
    await deleted;
  });

  it('do not hold up the kill when preStop hangs', async () => {
    const lifecycle = { preStop: { exec: { command: ['sleep', '1000'] } } };
    await agent.create('hangs', { command: ['sleep', '1000'], lifecycle });
    await agent.running('hangs');
    await agent.delete('hangs', 1);
  });

  it('do preStop again under the next agent when the last one died over it', async () => {
    const lifecycle = { preStop: { sleep: { seconds: 2 } } };
    await agent.create('orphan', {
      command: sh('trap "exit 0" TERM; while :; do sleep 0.1; done'),
      lifecycle,
    });
    await agent.running('orphan');
    const deleted = agent.delete('orphan', 10);
    await eventually('it begins', () => agent.events.some(({ reason }) => reason === 'Started'));
    await agent.stop();
    await agent.up();
    await deleted;
  });
});

describe('last words', () => {
  const agent = new LocalAgent();
  beforeAll(() => agent.up());
  afterAll(() => agent.remove());
  const messageOf = async (name: string) => main(await agent.over(name))?.state.terminated?.message;

  it('are what stands in /dev/termination-log', async () => {
    await agent.create(
      'words',
      { command: sh('echo farewell > /dev/termination-log') },
      { restartPolicy: 'Never' },
    );
    expect(await messageOf('words')).toBe('farewell\n');
    await agent.delete('words');
  });

  it('are the end of a file that is too long, wherever it is', async () => {
    const command = sh('yes x | head -c 100000 > /tmp/words; echo the end >> /tmp/words; exit 1');
    await agent.create('long', { command, terminationMessagePath: '/tmp/words' }, { restartPolicy: 'Never' });
    const message = await messageOf('long');
    expect(message).toMatch(/the end\n$/);
    expect(message?.length).toBe(4096);
    await agent.delete('long');
  });

  it('are the end of the log when asked for and nothing was written', async () => {
    const terminationMessagePolicy = 'FallbackToLogsOnError' as const;
    await agent.create(
      'log',
      { command: sh('echo one; echo two; exit 1'), terminationMessagePolicy },
      { restartPolicy: 'Never' },
    );
    expect(await messageOf('log')).toBe('one\ntwo');
    await agent.delete('log');
  });
});
