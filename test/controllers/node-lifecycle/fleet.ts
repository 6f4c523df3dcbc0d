/**
 * A fleet of nodes on a virtual clock: nodes renew their leases every 5 s while they are up, and
 * `decideNodes` looks once a second, as the loop does. Actions are carried out on the objects at once.
 */
import type { Lease, Node, Task } from '../../../api/kinds/resources.ts';
import { taints } from '../../../api/kinds/taints.ts';
import { disconnectedCondition } from '../../../api/kinds/task-phase.ts';
import { conditionOf } from '../../../api/meta/conditions.ts';
import { decideNodes, type Memory, type NodeAction } from '../../../controllers/node-lifecycle/decide.ts';
import { defaultRates } from '../../../controllers/node-lifecycle/zones.ts';

interface Machine {
  node: Node;
  renewals: number;
  isUp: boolean;
  task: Task | undefined;
}

export class Fleet {
  nowMs = 0;
  memory: Memory | undefined;
  readonly machines = new Map<string, Machine>();
  /** `<seconds> <what>`: what the controller did, and when. */
  readonly journal: string[] = [];

  constructor(zones: Record<string, string>) {
    for (const [name, zone] of Object.entries(zones)) this.add(name, zone);
  }

  add(name: string, zone = ''): void {
    const node = {
      metadata: {
        name,
        uid: `uid-${name}`,
        labels: zone === '' ? {} : { 'topology.kubernetes.io/zone': zone },
      },
      spec: {},
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    } as unknown as Node;
    const task = {
      metadata: { name: `task-${name}`, uid: `uid-task-${name}` },
      spec: { nodeName: name },
      status: { phase: 'Running', conditions: [] },
    } as unknown as Task;
    this.machines.set(name, { node, task, renewals: 1, isUp: true });
  }

  power(isUp: boolean, ...names: string[]): void {
    for (const name of names) this.machine(name).isUp = isUp;
  }

  machine(name: string): Machine {
    const machine = this.machines.get(name);
    if (!machine) throw new RangeError(`no node ${name}`);
    return machine;
  }

  /** Takes the Node object away; the machine's task stays. */
  removeNode(name: string): Task | undefined {
    const { task } = this.machine(name);
    this.machines.delete(name);
    return task;
  }

  run(seconds: number, orphans: readonly Task[] = []): void {
    for (let second = 0; second < seconds; second++) {
      if (this.nowMs % 5_000 === 0) this.heartbeat();
      this.look(orphans);
      this.nowMs += 1_000;
    }
  }

  heartbeat(): void {
    for (const machine of this.machines.values()) {
      if (!machine.isUp) continue;
      machine.renewals++;
      // The agent reports its own state, and its task's, as soon as it is back.
      machine.node = withReady(machine.node, 'True');
      if (machine.task?.status.phase === 'Unknown') {
        machine.task = { ...machine.task, status: { phase: 'Running', conditions: [] } };
      }
    }
  }

  look(orphans: readonly Task[] = []): NodeAction[] {
    const machines = [...this.machines.values()];
    const tasks = [...machines.flatMap(({ task }) => task ?? []), ...orphans];
    const { actions, memory } = decideNodes(
      {
        nodes: machines.map(({ node }) => node),
        leases: new Map(machines.map(({ node, renewals }) => [node.metadata.name, leaseOf(renewals)])),
        tasks: new Map(tasks.map((task) => [task.spec.nodeName ?? '', [task]])),
        nowMs: this.nowMs,
      },
      this.memory,
      defaultRates,
    );
    this.memory = memory;
    for (const action of actions) this.#act(action);
    return actions;
  }

  isGivenUp(name: string): boolean {
    const { task } = this.machine(name);
    return conditionOf(task?.status.conditions, disconnectedCondition)?.status === 'True';
  }

  get givenUp(): string[] {
    return [...this.machines.keys()].filter((name) => this.isGivenUp(name));
  }

  #act(action: NodeAction): void {
    const at = this.nowMs / 1000;
    if (action.type === 'fence') {
      this.journal.push(`${at}s fence ${action.nodeName}`);
    } else if (action.type === 'markTask') {
      const machine = this.machine(action.task.spec.nodeName ?? '');
      const status = action.isGivenUp ? ('True' as const) : ('False' as const);
      const conditions = [{ type: disconnectedCondition, status }];
      machine.task = { ...action.task, status: { phase: 'Unknown', conditions } };
      this.journal.push(`${at}s ${action.task.metadata.name} unknown${action.isGivenUp ? ', given up' : ''}`);
    } else {
      const machine = this.machine(action.node.metadata.name);
      const isUnreachable = action.type === 'markUnreachable';
      const nodeTaints = isUnreachable ? [{ key: taints.unreachable, effect: 'NoSchedule' as const }] : [];
      const { node } = machine;
      machine.node = { ...(isUnreachable ? withReady(node, 'Unknown') : node), spec: { taints: nodeTaints } };
      this.journal.push(`${at}s ${node.metadata.name} ${isUnreachable ? 'unreachable' : 'reachable'}`);
    }
  }
}

function withReady(node: Node, status: 'True' | 'Unknown'): Node {
  return { ...node, status: { ...node.status, conditions: [{ type: 'Ready', status }] } };
}

function leaseOf(renewals: number): Lease {
  return { spec: { renewTime: `renewal ${renewals}`, leaseDurationSeconds: 20 } } as unknown as Lease;
}
