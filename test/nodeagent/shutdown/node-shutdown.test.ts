import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { NodeShutdown } from '../../../nodeagent/shutdown/node-shutdown.ts';
import type { TaskRecord } from '../../../nodeagent/task/task-record.ts';
import { record, task } from '../../kit/nodeagent-objects.ts';

const startMs = Date.UTC(2030, 0, 1);

/** An agent whose tasks end `lifeSeconds` after they are told to, and no later than they may. */
class Agent {
  readonly clock = new VirtualClock(startMs);
  readonly log: string[] = [];
  readonly records: TaskRecord[] = [];
  readonly shutdown: NodeShutdown;
  hasToldEnds = true;
  readonly #lives = new Map<string, number>();

  constructor(graceSeconds: number) {
    const { clock } = this;
    this.shutdown = new NodeShutdown({
      ...{ agent: this, graceSeconds, clock, logger: silentLogger },
      onBegin: () => this.#say(`not ready: ${this.shutdown.notReady?.reason}`),
    });
  }

  add(name: string, priority: number, lifeSeconds: number): void {
    const running = { state: 'running' as const, cid: name, pid: 1, startedAtMs: 0 };
    this.records.push(record(task({ spec: { priority } }), { uid: name }, { life: running }));
    this.#lives.set(name, lifeSeconds);
  }

  refuseTasks({ reason }: { reason: string }): void {
    this.#say(`refuses: ${reason}`);
  }

  endForShutdown(uid: string, withinSeconds: number): void {
    this.#say(`${uid} within ${withinSeconds} s`);
    const lifeMs = Math.min(withinSeconds, this.#lives.get(uid) ?? 0) * 1000;
    this.clock.after(lifeMs, () => {
      const container = this.records.find((each) => each.uid === uid)?.containers[0];
      const termination = { cid: uid, exitCode: 0, reason: 'Completed', finishedAtMs: this.clock.now() };
      if (container) container.life = { state: 'ended', termination };
      this.#say(`${uid} ended`);
    });
  }

  #say(text: string): void {
    this.log.push(`${Math.round((this.clock.now() - startMs) / 1000)} s: ${text}`);
  }
}

describe('a node that shuts down', () => {
  it('refuses tasks, is not ready, and ends band after band, each within its share of the time left', async () => {
    const agent = new Agent(30);
    agent.add('monitor', 300_000, 1);
    agent.add('web', 200_000, 100);
    agent.add('batch', 100_000, 100);
    agent.add('spare', 0, 1);
    expect(agent.shutdown.notReady).toBeUndefined();
    void agent.shutdown.begin();
    await agent.clock.advance(40_000);
    expect(agent.log).toEqual([
      '0 s: refuses: NodeShutdown',
      '0 s: not ready: NodeShutdown',
      '0 s: spare within 3 s',
      '1 s: spare ended',
      '1 s: batch within 6.4 s',
      '7 s: batch ended',
      '7 s: web within 12.9 s',
      '20 s: web ended',
      '20 s: monitor within 9.7 s',
      '21 s: monitor ended',
    ]);
  });

  it('is over when the deadline is, though a task cannot be killed and the API server does not answer', async () => {
    const agent = new Agent(10);
    agent.hasToldEnds = false;
    agent.add('web', 200_000, 100);
    agent.endForShutdown = () => {};
    let isDone = false;
    void agent.shutdown.begin().then(() => {
      isDone = true;
    });
    await agent.clock.advance(10_000);
    expect(isDone).toBe(false);
    await agent.clock.advance(6_100);
    expect(isDone).toBe(true);
    await agent.shutdown.whenDone();
  });

  it('begins once, however often it is told', async () => {
    const agent = new Agent(10);
    agent.add('web', 200_000, 1);
    const first = agent.shutdown.begin();
    expect(agent.shutdown.begin()).toBe(first);
    await agent.clock.advance(2000);
    await first;
    expect(agent.log.filter((line) => line.includes('web within'))).toHaveLength(1);
  });

  it('has nothing to wait for when nobody has shut it down', async () => {
    await new Agent(10).shutdown.whenDone();
  });
});
