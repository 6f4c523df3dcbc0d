/** Contract R4 on real containers: agents frozen, the control plane away. Processes are counted from the host. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, Task } from '../../api/kinds/resources.ts';
import { sleep, systemClock } from '../../api/meta/clock.ts';
import { signal } from '../../cluster/process-identity.ts';
import { eventually, LocalCluster } from './local-cluster.ts';

/** What its one process sleeps tells a job's copies from everything else on the machine. */
const commands = { once: ['sleep', '86400611'], more: ['sleep', '86400612'] };

function serviceOf(name: keyof typeof commands, runPolicy: string): string {
  return JSON.stringify({
    apiVersion: 'gantry.dev/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      type: 'Service',
      runPolicy,
      disconnect: { lostAfterSeconds: 0 },
      template: {
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'main', command: commands[name] }],
        },
      },
    },
  });
}

function copies(name: keyof typeof commands): number[] {
  const line = `${commands[name].join('\0')}\0`;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === line;
      } catch {
        return false;
      }
    });
}

describe('a task that may run at most once', () => {
  const cluster = new LocalCluster('once');

  beforeAll(async () => {
    await cluster.up();
    await cluster.gantry(['apply', '-f', '-'], { input: serviceOf('once', 'AtMostOnce') });
    await cluster.gantry(['apply', '-f', '-'], { input: serviceOf('more', 'AtLeastOnce') });
    for (const job of ['once', 'more']) await ready(job);
  });
  afterAll(async () => {
    await cluster.remove();
    expect(cluster.traces()).toEqual([]);
  });

  async function ready(job: string): Promise<void> {
    await cluster.succeed('wait', `job/${job}`, '--for=jsonpath={.status.readyReplicas}=1', '--timeout=60s');
  }

  async function tasksOf(job: string): Promise<Task[]> {
    const { items } = await cluster.json<{ items: Task[] }>('get', 'tasks');
    return items.filter(({ spec }) => spec.job === job);
  }

  function freeze(part: string): () => void {
    const process = cluster.parts.parts[part];
    if (!process || !signal(process, 'SIGSTOP')) throw new Error(`no part ${part}`);
    return () => void signal(process, 'SIGCONT');
  }

  it('is ended by the guard of a frozen agent before it is replaced, and its agent revives nothing', async () => {
    const [first] = await tasksOf('once');
    const [before] = copies('once');
    let most = 0;
    const seen = new Set<number>();
    const watch = setInterval(() => {
      const now = copies('once');
      most = Math.max(most, now.length);
      for (const pid of now) seen.add(pid);
    }, 20);
    const resume = freeze(`node-${first?.spec.nodeName}`);
    try {
      await eventually('the guard ends it', () => copies('once').length === 0);
      expect((await tasksOf('once')).map(({ metadata }) => metadata.name)).toEqual(['once-0-0']);
      await eventually('another runs elsewhere', () => copies('once').length === 1);
    } finally {
      resume();
    }
    await eventually('the old one is gone', async () => {
      const names = (await tasksOf('once')).map(({ metadata }) => metadata.name);
      return names.join() === 'once-0-1';
    });
    const events = await eventually('the agent tells', async () => {
      const { items } = await cluster.json<{ items: Event[] }>('get', 'events');
      const fenced = items.filter(({ reason }) => reason === 'Fenced');
      return fenced.length > 0 && fenced;
    });
    expect(events[0]?.message).toMatch(/^the control plane was not heard since \d{4}-/);
    clearInterval(watch);
    expect(most).toBe(1);
    expect(seen.size).toBe(2);
    expect(seen).toContain(before);
    expect(copies('once')).toHaveLength(1);
  });

  it('is ended when the API server is away for longer than the lease; another task is not', async () => {
    const [once] = copies('once');
    // It may have lain on the node that was frozen: the copy there goes soon after the node is back.
    const more = await eventually('one copy of the other', () => {
      const found = copies('more');
      return found.length === 1 && found;
    });
    const resume = freeze('apiserver');
    try {
      await eventually('the guard ends it', () => copies('once').length === 0);
      await sleep(systemClock, 1000);
      expect(copies('once')).toEqual([]);
      expect(copies('more')).toEqual(more);
    } finally {
      resume();
    }
    await eventually('it is replaced', () => copies('once').length === 1 && copies('once')[0] !== once);
    expect(copies('more')).toEqual(more);
  });
});
