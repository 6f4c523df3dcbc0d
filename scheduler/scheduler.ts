/**
 * The scheduler: informers feed the cluster state and the queue; while this process leads, a loop takes
 * tasks in batches, decides them (decider.ts), and hands each batch to the API server as a plan.
 *
 *   watch → cluster state, queue → decideBatch → plan → watch
 *
 * Invariants: every decision counts in the cluster state before the next one is made; a bind that failed
 * is forgotten and its task tried again; whether a task is bound is only ever what the API server says.
 */
import { disruptionBudget } from '../api/kinds/job-state.ts';
import { systemNamespace } from '../api/kinds/names.ts';
import { coversLabels } from '../api/kinds/pod-budget-counts.ts';
import {
  Job,
  Lease,
  Namespace,
  Node,
  PodDisruptionBudget,
  PriorityClass,
  Task,
} from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import { hasReason } from '../api/meta/api-error.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import { type Logger, silentLogger } from '../api/meta/logger.ts';
import { Loop } from '../api/meta/loop.ts';
import { keyOf } from '../api/meta/object-meta.ts';
import { type Random, systemRandom } from '../api/meta/random.ts';
import type { Client } from '../client/client.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { type Change, Informer } from '../client/informer.ts';
import { ClusterState } from './cluster-state.ts';
import type { SelectingBudget } from './core/budgets.ts';
import { givesHope } from './core/hints.ts';
import { byName, orderOf } from './core/node-order.ts';
import { Profile } from './core/profile.ts';
import { schedulingTask } from './core/scheduling-task.ts';
import { Decider, type Displacement, type Placed } from './decider.ts';
import { DecisionRing } from './decision-ring.ts';
import { PendingReporter } from './pending-reporter.ts';
import { PlanCommitter, preemptionMessage } from './plan-committer.ts';
import { SchedulingQueue } from './queue.ts';
import type { PluginFailure } from './user-plugins/isolated-plugin.ts';
import type { UserPlugins } from './user-plugins/load-plugins.ts';
import { VolumeInformers } from './volume-informers.ts';

const component = 'gantry-scheduler';
export const defaultName = 'default-scheduler';

/** Schedulers of different names run side by side, each with its own Lease. */
export function leaseNameOf(name: string): string {
  return name === defaultName ? component : `${component}-${name}`;
}

export interface SchedulerOptions {
  client: Client;
  /** Tasks with this `spec.schedulerName` are ours. */
  name: string;
  profile?: Profile;
  /** Those of the profile that a user wrote. */
  userPlugins?: UserPlugins;
  clock?: Clock;
  random?: Random;
  logger?: Logger;
}

/** Tasks decided in one go. */
const maxBatch = 500;
/** How often parked tasks are looked at for having waited too long. */
const flushMs = 30_000;

/** What exists while this process leads. */
interface Term {
  client: Client;
  events: EventRecorder;
  /** Apart, so that why a task is pending never waits behind the good news of thousands of others. */
  warnings: EventRecorder;
  reporter: PendingReporter;
  loop: Loop;
  committer: PlanCommitter;
}

export class Scheduler {
  readonly metrics = {
    decisions: 0,
    refused: 0,
    plans: 0,
    bound: 0,
    conflicts: 0,
    thrownAway: 0,
    evicted: 0,
  };
  readonly queue: SchedulingQueue;
  /** The last placements. */
  readonly records = new DecisionRing();
  readonly #name: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #nodes: Informer<Node>;
  readonly #tasks: Informer<Task>;
  readonly #priorityClasses: Informer<PriorityClass>;
  readonly #namespaces: Informer<Namespace>;
  readonly #jobs: Informer<Job>;
  readonly #podBudgets: Informer<PodDisruptionBudget>;
  readonly #volumes: VolumeInformers;
  readonly #state: ClusterState;
  readonly #decider: Decider;
  readonly #profile: Profile;
  #term: Term | undefined;

  constructor(options: SchedulerOptions) {
    const { client, name, profile = new Profile(), clock = systemClock, random = systemRandom } = options;
    this.#name = name;
    this.#profile = profile;
    options.userPlugins?.onFailure((failure) => this.#switchedOff(failure));
    this.#clock = clock;
    this.#random = random;
    this.#logger = options.logger ?? silentLogger;
    this.#state = new ClusterState(
      (event) => {
        if (this.queue.wake(event) > 0) this.#term?.loop.wake();
      },
      (key) => {
        if (this.queue.activate(key)) this.#term?.loop.wake();
      },
      name === defaultName ? byName : orderOf(name),
    );
    this.queue = new SchedulingQueue({
      clock,
      sort: profile.queueSort,
      hint: (event, task, refusedBy) => givesHope(profile, this.#state.snapshot, { event, task, refusedBy }),
    });
    this.#decider = new Decider({
      profile,
      state: this.#state,
      queue: this.queue,
      mayPreempt: ({ priorityClassName = '' }) =>
        this.#priorityClasses.cache.get(priorityClassName)?.preemptionPolicy !== 'Never',
    });
    const shared = { client, clock, random, logger: this.#logger };
    this.#nodes = new Informer({ ...shared, resource: Node });
    this.#tasks = new Informer({ ...shared, resource: Task });
    this.#priorityClasses = new Informer({ ...shared, resource: PriorityClass });
    this.#namespaces = new Informer({ ...shared, resource: Namespace });
    this.#jobs = new Informer({ ...shared, resource: Job });
    this.#podBudgets = new Informer({ ...shared, resource: PodDisruptionBudget });
    this.#volumes = new VolumeInformers(shared, this.#state.claims);
    this.#jobs.onChange(({ type, object }) =>
      this.#state.setBudget(keyOf(object), type === 'deleted' ? undefined : disruptionBudget(object)),
    );
    this.#podBudgets.onChange(({ type, object }) =>
      this.#state.budgets.select(keyOf(object), type === 'deleted' ? undefined : selectingBudget(object)),
    );
    this.#namespaces.onChange(({ object }) =>
      this.#state.setNamespace(object.metadata.name, object.metadata.labels ?? {}),
    );
    this.#nodes.onChange((change) => this.#onNode(change));
    this.#tasks.onChange((change) => this.#onTask(change));
  }

  /** Its refusals count no more, so those it refused are tried again. */
  #switchedOff({ plugin, message }: PluginFailure): void {
    this.#logger.error({ plugin, message }, 'plugin switched off');
    this.#state.voidAnswers();
    this.queue.wake({ type: 'NodeChanged', slot: 0, changes: new Set() });
    const lease = { ...Lease, metadata: { namespace: systemNamespace, name: leaseNameOf(this.#name) } };
    this.#term?.warnings.record(lease, {
      type: 'Warning',
      reason: 'PluginSwitchedOff',
      message: `scheduler plugin ${plugin} is off until the scheduler starts again: ${message}`,
    });
  }

  get #informers(): { start(): unknown; stop(): Promise<void>; whenSynced(): Promise<void> }[] {
    const { all } = this.#volumes;
    return [this.#nodes, this.#tasks, this.#priorityClasses, this.#namespaces, this.#jobs, ...all];
  }

  /** Rolling hash of all decisions so far. */
  get decisionHash(): string {
    return this.#decider.hash.toString();
  }

  /** Begins to watch; a stand-by stays at this point. */
  watch(): void {
    for (const informer of this.#informers) informer.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  /** Decides and binds until `signal` aborts; writes go through `client`, which may be fenced. */
  async lead(client: Client, signal: AbortSignal): Promise<void> {
    const ended = aborted(signal);
    await Promise.race([Promise.all(this.#informers.map((informer) => informer.whenSynced())), ended]);
    if (signal.aborted) return;
    const term = this.#openTerm(client);
    this.#term = term;
    term.events.start();
    term.warnings.start();
    term.reporter.start();
    term.loop.start();
    await ended;
    this.#term = undefined;
    await term.loop.stop();
    await term.committer.whenIdle();
    await term.reporter.stop();
    await Promise.all([term.events.stop(), term.warnings.stop()]);
  }

  #openTerm(client: Client): Term {
    const shared = { client, clock: this.#clock, random: this.#random, logger: this.#logger };
    const events = new EventRecorder({ ...shared, component: this.#name });
    const warnings = new EventRecorder({ ...shared, component: this.#name });
    const reporter = new PendingReporter({ ...shared, tasks: this.#tasks.cache, events: warnings });
    const { clock, random, logger } = shared;
    const term: Term = {
      client,
      events,
      warnings,
      reporter,
      committer: new PlanCommitter(client, this.metrics, {
        onBound: (placed) => this.#bound(term, placed),
        onThrownAway: (placed, error) => this.#thrownAway(term, placed, error),
        onEvicted: (displacement) => this.#evicted(term, displacement),
        onEvictionFailed: (displacement, error) => this.#evictionFailed(term, displacement, error),
      }),
      loop: new Loop({
        name: 'scheduler',
        step: () => this.#turn(term),
        intervalMs: flushMs,
        clock,
        random,
        logger,
      }),
    };
    return term;
  }

  #onNode({ type, object }: Change<Node>): void {
    if (type === 'deleted') this.#state.removeNode(object.metadata.name);
    else this.#state.setNode(object);
  }

  #onTask({ type, object }: Change<Task>): void {
    if (type === 'deleted') {
      this.#dequeue(object);
      this.#state.removeTask(object.metadata.uid ?? '');
    } else if (object.spec.nodeName !== undefined) {
      this.#dequeue(object);
      this.#state.setTask(object);
    } else if (!this.#isOurs(object)) {
      this.#dequeue(object);
    } else if (!this.#state.isAssumed(object.metadata.uid ?? '')) {
      this.queue.add(this.#profile.sign(schedulingTask(object)));
      this.#term?.loop.wake();
    }
  }

  #isOurs({ metadata, spec, status }: Task): boolean {
    return (
      spec.schedulerName === this.#name &&
      metadata.deletionTimestamp === undefined &&
      !isTerminal(status.phase)
    );
  }

  #dequeue(task: Task): void {
    const key = keyOf(task);
    this.queue.remove(key);
    this.#state.dropRoom(task.metadata.uid ?? '');
    this.#term?.reporter.forget(key);
  }

  /** One batch. Gives the pause until there may be another. */
  async #turn(term: Term): Promise<number> {
    await term.committer.whenReady();
    this.queue.flush();
    const { placed, refused, displacements, failed } = this.#decider.decideBatch(maxBatch);
    this.metrics.decisions += placed.length + refused.length;
    this.metrics.refused += refused.length;
    for (const one of placed) this.records.add(one, this.#clock.now());
    for (const { queued, explanation } of refused)
      term.reporter.report(queued.task.key, queued.task.uid, explanation);
    for (const { queued, error } of failed)
      this.#logger.error({ task: queued.task.key, err: error }, 'a plugin threw, trying again later');
    term.committer.commit(placed, displacements);
    return this.queue.idleMs(flushMs);
  }

  #bound({ events, reporter }: Term, { queued, node }: Placed): void {
    const { key } = queued.task;
    if (queued.place !== 'gone') this.queue.remove(key);
    reporter.forget(key);
    const task = this.#tasks.cache.get(key);
    if (task?.metadata.uid !== queued.task.uid) return;
    events.record(task, { type: 'Normal', reason: 'Scheduled', message: `assigned ${key} to ${node}` });
  }

  #thrownAway({ loop }: Term, { queued, node }: Placed, error: Error): void {
    const { key, uid } = queued.task;
    this.#logger.info({ task: key, node, err: error }, 'bind failed');
    this.#state.forget(uid);
    if (hasReason(error, 'NotFound') && !this.#tasks.cache.get(key)) this.queue.remove(key);
    else this.queue.retry(queued);
    loop.wake();
  }

  #evicted({ events }: Term, { queued, preemption }: Displacement): void {
    const { node, victims } = preemption;
    for (const resident of victims) {
      const victim = this.#tasks.cache.get(resident.key);
      if (victim?.metadata.uid !== resident.uid) continue;
      const message = preemptionMessage(resident, { by: queued.task.key, node });
      events.record(victim, { type: 'Warning', reason: 'Preempted', message });
    }
  }

  /** The victims stay, so the room will not come: the task looks for another, when what refused them may be known here. */
  #evictionFailed({ loop }: Term, { queued, preemption }: Displacement, error: Error): void {
    this.#logger.warn({ task: queued.task.key, node: preemption.node, err: error }, 'eviction failed');
    this.queue.retry(queued);
    for (const { uid } of preemption.victims) this.#state.setEnding(uid, false);
    this.#state.dropRoom(queued.task.uid);
    loop.wake();
  }
}

function selectingBudget(budget: PodDisruptionBudget): SelectingBudget {
  const { namespace } = budget.metadata;
  return {
    covers: (identity) => identity.namespace === namespace && coversLabels(budget, identity.labels),
    allowed: budget.status.disruptionsAllowed,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
