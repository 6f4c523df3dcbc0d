/**
 * `gantry drain`: no new tasks come to the node, and those on it are evicted, the lowest band first; the next band's
 * turn comes when the last one is gone. Evictions respect disruption budgets, and are asked for again until
 * granted; a `--deadline` is shared out among the bands, and whoever is left when his band's share ends is deleted
 * whatever his budget says.
 */
import { firstToGo } from '../../api/kinds/priority-bands.ts';
import { Node, Task } from '../../api/kinds/resources.ts';
import { isTerminal } from '../../api/kinds/task-phase.ts';
import { ApiError, hasReason } from '../../api/meta/api-error.ts';
import { sleep } from '../../api/meta/clock.ts';
import type { DeleteParameters } from '../../client/client.ts';
import { objectPath } from '../../client/resource-path.ts';
import { parseDuration } from '../age.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { eachReported } from '../failure.ts';
import { keyOfObject } from '../object-source.ts';
import { cordon, nodeNames } from './cordon.ts';

export interface DrainOptions {
  deadline?: string;
  timeout?: string;
  force?: boolean;
}

const pauseMs = 500;
/** What was told to end at the deadline may take so long to be gone. */
const lateMs = 10_000;

export const drain: CommandFunction<DrainOptions> = async (context, args, options) => {
  const deadlineMs = durationMs(options.deadline, '--deadline');
  const times = {
    deadlineMs,
    timeoutMs: Math.min(durationMs(options.timeout, '--timeout'), deadlineMs + lateMs),
  };
  const session = await context.session();
  return eachReported(context.io, nodeNames(args), async (name) => {
    await session.client.get(Node, { name });
    if (!options.force) await refuseBareTasks(session, name);
    await cordon(context, [name], {});
    await new Drain(context, session, { name, ...times }).run();
    context.io.out(`node/${name} drained\n`);
  });
};

function durationMs(text: string | undefined, flag: string): number {
  return text === undefined ? Number.POSITIVE_INFINITY : parseDuration(text, flag);
}

async function refuseBareTasks(session: Session, node: string): Promise<void> {
  const bare = (await tasksOn(session, node)).filter(
    ({ metadata }) => !metadata.ownerReferences?.some(({ controller }) => controller),
  );
  if (bare.length === 0) return;
  throw new ApiError(
    'Conflict',
    `nothing would make these tasks anew: ${bare.map(nameOf).join(', ')}; --force ends them too`,
  );
}

async function tasksOn({ client }: Session, node: string): Promise<Task[]> {
  const { items } = await client.list(Task, { fieldSelector: `spec.nodeName=${node}` });
  return items.filter(({ status }) => !isTerminal(status.phase));
}

const nameOf = ({ metadata }: Task): string => `${metadata.namespace}/${metadata.name}`;
const uidOf = ({ metadata }: Task): string => metadata.uid ?? '';

interface DrainedNode {
  name: string;
  /** From the start; Infinity: none. */
  deadlineMs: number;
  timeoutMs: number;
}

class Drain {
  readonly #context: CommandContext;
  readonly #session: Session;
  readonly #node: DrainedNode;
  readonly #startMs: number;
  /** Uids of tasks that were told to end. */
  readonly #told = new Set<string>();
  /** Uids of tasks nobody waits for any more: their band had its time. */
  readonly #late = new Set<string>();
  #refusals = new Map<string, string>();
  #band = { name: '', startMs: 0, endMs: 0 };

  constructor(context: CommandContext, session: Session, node: DrainedNode) {
    this.#context = context;
    this.#session = session;
    this.#node = node;
    this.#startMs = context.clock.monotonicMs();
  }

  /** Throws ApiError Timeout, naming who is left and why. */
  async run(): Promise<void> {
    const { clock, signal } = this.#context;
    for (;;) {
      const tasks = await tasksOn(this.#session, this.#node.name);
      if (tasks.length === 0) return;
      if (signal.aborted || this.#passedMs() >= this.#node.timeoutMs) throw this.#timeout(tasks);
      await this.#turn(tasks.filter((task) => !this.#late.has(uidOf(task))));
      await sleep(clock, pauseMs, signal);
    }
  }

  async #turn(waiting: readonly Task[]): Promise<void> {
    const next = firstToGo(waiting, ({ spec }) => spec.priority ?? 0);
    if (!next) return;
    const nowMs = this.#passedMs();
    if (next.band !== this.#band.name) {
      const leftMs = Math.max(0, this.#node.deadlineMs - nowMs);
      this.#band = { name: next.band, startMs: nowMs, endMs: nowMs + leftMs * next.share };
    }
    for (const task of next.tasks) {
      if (!this.#told.has(uidOf(task))) await this.#tell(task);
      if (nowMs >= this.#band.endMs) this.#late.add(uidOf(task));
    }
  }

  /** Asks for the eviction, or, when there is no time left to ask, deletes. */
  async #tell(task: Task): Promise<void> {
    const { io } = this.#context;
    const leftMs = this.#band.endMs - this.#passedMs();
    const ownMs = task.spec.terminationGracePeriodSeconds * 1000;
    // A task is told early enough to have its own grace, or half of what its band has.
    const isUrgent = leftMs <= Math.min(ownMs, (this.#band.endMs - this.#band.startMs) / 2);
    const graceSeconds = Math.max(1, Math.floor(Math.min(ownMs, leftMs) / 1000));
    const options = { gracePeriodSeconds: graceSeconds, preconditions: { uid: uidOf(task) } };
    try {
      if (isUrgent) await this.#session.client.delete(Task, keyOfObject(task), options);
      else await this.#evict(task, options);
      this.#told.add(uidOf(task));
      io.out(`${nameOf(task)} ${isUrgent ? 'deleted, for want of time' : 'evicted'} (${this.#band.name})\n`);
    } catch (error) {
      // Gone, or another of its name: then it is not on the node any more.
      if (hasReason(error, 'NotFound', 'Conflict')) return;
      if (!hasReason(error, 'TooManyRequests')) throw error;
      const isNew = !this.#refusals.has(uidOf(task));
      this.#refusals.set(uidOf(task), error.message);
      if (isNew) io.err(`${nameOf(task)} waits: ${error.message}\n`);
    }
  }

  async #evict(task: Task, deleteOptions: DeleteParameters): Promise<void> {
    const { name, namespace } = task.metadata;
    const body = {
      ...{ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
      deleteOptions: { apiVersion: 'v1', kind: 'DeleteOptions', ...deleteOptions },
    };
    await this.#session.client.raw(objectPath(Task, keyOfObject(task), 'eviction'), { method: 'POST', body });
  }

  #passedMs(): number {
    return this.#context.clock.monotonicMs() - this.#startMs;
  }

  #timeout(tasks: readonly Task[]): ApiError {
    const left = tasks.map((task) => {
      const refusal = this.#refusals.get(uidOf(task));
      return refusal && !this.#told.has(uidOf(task)) ? `${nameOf(task)} (${refusal})` : nameOf(task);
    });
    const { signal } = this.#context;
    const what = signal.aborted ? 'interrupted' : 'the time is over';
    return new ApiError(
      'Timeout',
      `${what}; node ${this.#node.name} takes no new tasks, and still has ${left.join(', ')}`,
    );
  }
}
