/** Schedulers against the production API server, in this process, on a virtual clock; nodes without agents. */
import { Job, Node, Task } from '../../api/kinds/resources.ts';
import type { Client, Draft } from '../../client/client.ts';
import { LeaderElection } from '../../client/leader-election.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import { type TestCluster, testCluster } from '../kit/cluster.ts';
import { type NodeWords, nodeOf, type TaskWords, taskOf } from './cell.ts';

const user = { name: 'system:gantry-scheduler', groups: ['system:gantry', 'system:authenticated'] };

export class SchedulerCell {
  readonly cluster: TestCluster;
  readonly #stops: (() => Promise<unknown>)[] = [];

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  static async open(): Promise<SchedulerCell> {
    return new SchedulerCell(await testCluster());
  }

  async close(): Promise<void> {
    let over = false;
    void Promise.all(this.#stops.map((stop) => stop())).then(() => (over = true));
    await this.cluster.until(() => over);
    await this.cluster.stop();
  }

  schedulerClient(): Client {
    return this.cluster.clientAs(user);
  }

  /** Leads from the start. */
  startScheduler(name = 'default-scheduler', client = this.schedulerClient()): Scheduler {
    const { clock, random } = this.cluster;
    const scheduler = new Scheduler({ client, name, clock, random });
    const abort = new AbortController();
    scheduler.watch();
    const led = scheduler.lead(client, abort.signal);
    this.#stops.push(async () => {
      abort.abort();
      await led;
      await scheduler.stop();
    });
    return scheduler;
  }

  /** Leads only while it holds the lease of its name, as a scheduler's process does. */
  startCandidate(identity: string, name = 'default-scheduler'): Scheduler {
    const { clock, random } = this.cluster;
    const client = this.schedulerClient();
    const scheduler = new Scheduler({ client, name, clock, random });
    const election = new LeaderElection({
      client,
      lease: { namespace: 'kube-system', name },
      identity,
      onStarted: (signal) => scheduler.lead(election.fence(client), signal),
      clock,
      random,
    });
    scheduler.watch();
    election.start();
    this.#stops.push(async () => {
      await election.stop();
      await scheduler.stop();
    });
    return scheduler;
  }

  async createNode(name: string, words: NodeWords = {}): Promise<void> {
    const { spec, metadata, status } = nodeOf(name, words);
    const created = await this.cluster.client.create(Node, { metadata, spec });
    await this.cluster.client.updateStatus(Node, { ...created, status });
  }

  async createTask(name: string, words: TaskWords = {}): Promise<void> {
    const { spec } = taskOf(name, words);
    await this.cluster.client.create(Task, { metadata: { namespace: 'default', name }, spec });
  }

  async createJob(name: string, spec: Draft<Job>['spec']): Promise<void> {
    await this.cluster.client.create(Job, { metadata: { namespace: 'default', name }, spec });
  }

  task(name: string): Promise<Task> {
    return this.cluster.client.get(Task, { namespace: 'default', name });
  }

  async nodeOfTask(name: string): Promise<string | undefined> {
    return (await this.task(name)).spec.nodeName;
  }

  async boundTasks(): Promise<Task[]> {
    return (await this.cluster.client.list(Task)).items.filter(({ spec }) => spec.nodeName !== undefined);
  }

  /** What its node's agent does when the containers have stopped. */
  async reportStopped(name: string): Promise<void> {
    await this.cluster.client.delete(Task, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  }

  async reportPhase(name: string, phase: Task['status']['phase']): Promise<void> {
    const body = { status: { phase } };
    const key = { namespace: 'default', name };
    await this.cluster.client.patch(Task, key, { type: 'merge', body }, { subresource: 'status' });
  }
}
