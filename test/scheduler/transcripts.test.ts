/**
 * Transcripts: commands in, decisions out, as text a person can read and review (transcripts/*.txt).
 * A block is commands, a line `----`, and what they answer. UPDATE=1 rewrites the answers; commit a changed
 * answer only when you understand why it changed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Task } from '../../api/kinds/task.ts';
import { VirtualClock } from '../../api/meta/clock.ts';
import { ClusterState } from '../../scheduler/cluster-state.ts';
import { givesHope } from '../../scheduler/core/hints.ts';
import { Profile } from '../../scheduler/core/profile.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Decider } from '../../scheduler/decider.ts';
import { SchedulingQueue } from '../../scheduler/queue.ts';
import { type NodeWords, nodeOf, taskOf } from './cell.ts';

const directory = join(import.meta.dirname, 'transcripts');
const resources = ['cpu', 'memory', 'pods', 'ephemeral-storage', 'example.com/gpu'];

/** `cpu=2 zone=a cordoned` as pairs; a bare word is "true". */
type Words = Record<string, string>;

/** What the commands of a transcript work on. */
class Stage {
  readonly clock = new VirtualClock();
  readonly profile = new Profile();
  readonly nodes = new Map<string, NodeWords>();
  readonly state: ClusterState = new ClusterState(
    (event) => this.queue.wake(event),
    (key) => this.queue.activate(key),
  );
  readonly queue = new SchedulingQueue({
    clock: this.clock,
    sort: this.profile.queueSort,
    hint: (event, task, refusedBy) =>
      givesHope(this.profile, this.state.snapshot, { event, task, refusedBy }),
  });
  readonly decider = new Decider({
    profile: this.profile,
    state: this.state,
    queue: this.queue,
    mayPreempt: () => this.preempts,
  });
  preempts = false;
  readonly #tasks = new Map<string, Task>();
  #created = 0;

  async run(line: string): Promise<string[]> {
    const [command = '', subject = '', ...rest] = line.split(/\s+/);
    const words = Object.fromEntries(rest.map(pairOf));
    switch (command) {
      case 'node':
        return this.#setNode(subject, wordsOfNode(words));
      case 'cordon':
      case 'uncordon':
        return this.#setNode(subject, { ...this.nodes.get(subject), cordoned: command === 'cordon' });
      case 'lose':
        this.state.removeNode(subject);
        return [];
      case 'task':
        return this.#addTask(subject, words);
      case 'end':
        this.state.removeTask(`uid-of-${subject}`);
        return [];
      case 'preemption':
        this.preempts = subject === 'on';
        return [];
      case 'advance':
        await this.clock.advance(Number.parseFloat(subject) * 1000);
        return [];
      case 'schedule':
        return this.#schedule();
      default:
        throw new RangeError(`unknown command ${line}`);
    }
  }

  #setNode(name: string, words: NodeWords): string[] {
    this.nodes.set(name, words);
    this.state.setNode(nodeOf(name, words));
    return [];
  }

  #addTask(name: string, words: Words): string[] {
    const { priority = '0', job, gang, within, port, zone, tolerate } = words;
    const task = taskOf(name, {
      requests: pick(words, resources),
      priority: Number(priority),
      created: `2030-01-01T00:00:${String(this.#created++).padStart(2, '0')}Z`,
      ...(job ? { job } : {}),
      ...(gang ? { gang: { minMember: Number(gang), ...(within ? { topologyKey: within } : {}) } } : {}),
      ...(port ? { ports: [{ containerPort: Number(port) }] } : {}),
      ...(zone ? { nodeSelector: { zone } } : {}),
      ...(tolerate ? { tolerations: [{ key: tolerate, operator: 'Exists' }] } : {}),
    });
    this.#tasks.set(`default/${name}`, task);
    this.queue.add(schedulingTask(task));
    return [];
  }

  #schedule(): string[] {
    this.queue.flush();
    const { placed, refused, displacements } = this.decider.decideBatch(100);
    for (const { queued, node } of placed) {
      this.queue.remove(queued.task.key);
      const task = this.#tasks.get(queued.task.key);
      if (task) this.state.setTask({ ...task, spec: { ...task.spec, nodeName: node } });
    }
    const bound = placed.map(({ queued, node }) => `${nameOf(queued.task.key)} -> ${node}`);
    const pending = refused.map(
      ({ queued, explanation }) => `${nameOf(queued.task.key)} pending: ${explanation.message}`,
    );
    const displaced = displacements.map(({ queued, preemption: { node, victims } }) => {
      const names = victims.map(({ key }) => nameOf(key)).join(', ');
      return `${nameOf(queued.task.key)} displaces ${names || 'nobody'} on ${node}`;
    });
    const lines = [...bound, ...displaced, ...pending];
    return lines.length > 0 ? lines : ['nothing to decide'];
  }
}

function pairOf(word: string): [string, string] {
  const at = word.indexOf('=');
  return at < 0 ? [word, 'true'] : [word.slice(0, at), word.slice(at + 1)];
}

function pick(words: Words, keys: readonly string[]): Words {
  return Object.fromEntries(Object.entries(words).filter(([key]) => keys.includes(key)));
}

function wordsOfNode({ zone, rack, taint, cordoned, ready, ...words }: Words): NodeWords {
  return {
    allocatable: pick(words, resources),
    ...(zone ? { labels: { zone } } : {}),
    ...(rack ? { labels: { 'topology.kubernetes.io/rack': rack } } : {}),
    ...(taint ? { taints: [{ key: taint, effect: 'NoSchedule' }] } : {}),
    cordoned: cordoned === 'true',
    ready: ready !== 'false',
  };
}

function nameOf(key: string): string {
  return key.replace('default/', '');
}

async function play(transcript: string): Promise<string> {
  const stage = new Stage();
  const blocks: string[] = [];
  for (const block of transcript.trim().split(/\n\n+/)) {
    const commands = block.split('\n----')[0] ?? '';
    const answers: string[] = [];
    for (const line of commands.split('\n')) {
      if (!line.startsWith('#')) answers.push(...(await stage.run(line)));
    }
    blocks.push(answers.length > 0 ? `${commands}\n----\n${answers.join('\n')}` : commands);
  }
  return `${blocks.join('\n\n')}\n`;
}

it.each(readdirSync(directory))('%s', async (file) => {
  const path = join(directory, file);
  const recorded = readFileSync(path, 'utf8');
  const played = await play(recorded);
  if (process.env['UPDATE'] === '1') writeFileSync(path, played);
  else expect(played).toBe(recorded);
});
