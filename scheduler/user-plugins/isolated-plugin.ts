/**
 * A user's plugin as one of the core's: asked in its sandbox about all nodes at once, and again about a node
 * whose facts changed. One that throws, takes too long or answers nonsense is off from then on: it refuses and
 * scores nothing, and whoever listens is told.
 */
import { feasible, type Plugin } from '../core/plugin.ts';
import type { SchedulingTask } from '../core/scheduling-task.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { type PluginDescription, type PluginSandbox, textOf } from './plugin-sandbox.ts';
import type { PluginNode } from './user-plugin.ts';

export interface PluginFailure {
  plugin: string;
  message: string;
}

export interface IsolatedPluginOptions {
  sandbox: PluginSandbox;
  description: PluginDescription;
  onFailure: (failure: PluginFailure) => void;
}

type Point = 'filter' | 'score';

/** Answers by slot, each good for the facts of the node as they were. */
interface Answers<T> {
  task: SchedulingTask;
  values: (T | undefined)[];
  asOf: number[];
}

export function isolatedPlugin({ sandbox, description, onFailure }: IsolatedPluginOptions): Plugin {
  const { name, filters, scores } = description;
  let isOff = false;

  function ask<T>(point: Point, answers: Answers<T>, snapshot: Snapshot, slots: readonly number[]): void {
    if (isOff) return;
    try {
      const nodes = slots.map((slot) => nodeAt(snapshot, slot));
      const said = sandbox.call({ plugin: name, point, task: pluginTask(answers.task), nodes });
      for (const [at, slot] of slots.entries()) {
        answers.values[slot] = checked(point, said[at]) as T | undefined;
        answers.asOf[slot] = snapshot.factsGeneration[slot]!;
      }
    } catch (error) {
      isOff = true;
      onFailure({ plugin: name, message: textOf(error) });
    }
  }

  function answersFor<T>(point: Point, task: SchedulingTask, snapshot: Snapshot): Answers<T> | undefined {
    const answers: Answers<T> = { task, values: [], asOf: [] };
    const slots: number[] = [];
    for (let slot = 0; slot < snapshot.size; slot++) if (snapshot.present[slot] === 1) slots.push(slot);
    ask(point, answers, snapshot, slots);
    return isOff ? undefined : answers;
  }

  function at<T>(point: Point, answers: Answers<T>, snapshot: Snapshot, slot: number): T | undefined {
    if (answers.asOf[slot] !== snapshot.factsGeneration[slot]) ask(point, answers, snapshot, [slot]);
    return isOff ? undefined : answers.values[slot];
  }

  const filtering: Plugin<Answers<string>, never> = {
    name,
    preFilter: (task, snapshot) => answersFor('filter', task, snapshot),
    filter(answers, snapshot, { column, mark }) {
      for (let slot = 0; slot < snapshot.size; slot++)
        if (column[slot] === feasible && at('filter', answers, snapshot, slot) !== undefined)
          column[slot] = mark;
    },
    admits: (answers, snapshot, slot) => at('filter', answers, snapshot, slot) === undefined,
    explain: (answers, snapshot, slot) => [{ reason: at('filter', answers, snapshot, slot) ?? '' }],
  };
  const scoring: Plugin<never, Answers<number>> = {
    name,
    preScore: (task, snapshot) => answersFor('score', task, snapshot),
    score(answers, snapshot, column) {
      for (let slot = 0; slot < snapshot.size; slot++)
        if (snapshot.present[slot] === 1) column[slot] = at('score', answers, snapshot, slot) ?? 0;
    },
    scoreSlot: (answers, snapshot, slot) => at('score', answers, snapshot, slot) ?? 0,
  };
  return {
    readsNodeFactsOnly: true,
    readsTaskLabels: true,
    ...(filters ? filtering : {}),
    ...(scores ? scoring : {}),
    name,
  } as Plugin;
}

function checked(point: Point, said: unknown): unknown {
  if (point === 'filter') {
    if (said === null || (typeof said === 'string' && said !== '')) return said ?? undefined;
    throw new TypeError(`filter() gave ${JSON.stringify(said)}, neither a reason nor undefined`);
  }
  if (typeof said === 'number' && said >= 0 && said <= 100) return said;
  throw new TypeError(`score() gave ${JSON.stringify(said)}, not a number from 0 to 100`);
}

function pluginTask({ identity, requests, priority, nodeSelector }: SchedulingTask) {
  const { namespace, labels } = identity;
  return { namespace, labels, requests, priority, nodeSelector };
}

function nodeAt({ names, labels, taintSets, taintSet }: Snapshot, slot: number): PluginNode {
  return { name: names[slot] ?? '', labels: labels[slot] ?? {}, taints: taintSets[taintSet[slot]!] ?? [] };
}
