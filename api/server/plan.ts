/**
 * Plans: what a scheduler decided from its view of the cell, handed in as a whole and checked against the
 * truth (shared state, Omega, EuroSys'13). Any number of schedulers may hand in plans at once.
 *
 *   binds only        the tasks are bound, one transaction per node, or one over all (AllOrNothing)
 *   with evictions    the evicted tasks are told to end, and the tasks of the binds nominated for their nodes,
 *                     all at one revision; room is free only when the agents have said so (contract R8), and
 *                     then a plan without evictions binds
 */
import { type BindBackend, type BindOutcome, type BindRequest, BindTransaction } from './bind-transaction.ts';
import { mapConcurrently } from './concurrency.ts';
import { type EvictionRequest, evictAndNominate } from './plan-evictions.ts';

export interface Plan {
  /** Whether one refused bind refuses all. */
  mode: 'AllOrNothing' | 'Incremental';
  /**
   * Refuse every node whose allocation changed after this revision (coarse conflict detection, for decisions
   * that depend on more than room); absent: refuse only what does not fit any more.
   */
  revision: number | undefined;
  binds: readonly BindRequest[];
  evictions: readonly EvictionRequest[];
}

/** etcd takes 128 operations in a transaction; each task is one compare and one put. */
const tasksPerTransaction = 60;
const nodesAtOnce = 32;

/** Outcomes in the order of the binds. Rejects when evictions cannot be done, and then none was. */
export async function commitPlan(backend: BindBackend, plan: Plan): Promise<BindOutcome[]> {
  const { mode, revision, binds, evictions } = plan;
  if (evictions.length > 0) {
    await evictAndNominate(backend, plan);
    return binds.map(() => undefined);
  }
  const outcomes = new Map<BindRequest, BindOutcome>();
  const byNode = groupedByNode(binds);
  if (mode === 'AllOrNothing') {
    const act = () => new BindTransaction(backend, binds, { atomic: true, revision }).run(outcomes);
    await backend.allocations.takeAll([...byNode.keys()], act);
  } else {
    await mapConcurrently([...byNode], nodesAtOnce, async ([node, list]) => {
      for (let at = 0; at < list.length; at += tasksPerTransaction) {
        const some = list.slice(at, at + tasksPerTransaction);
        const act = () => new BindTransaction(backend, some, { atomic: false, revision }).run(outcomes);
        await backend.allocations.takeAll([node], act);
      }
    });
  }
  return binds.map((bind) => outcomes.get(bind));
}

function groupedByNode(binds: readonly BindRequest[]): Map<string, BindRequest[]> {
  const byNode = new Map<string, BindRequest[]>();
  for (const bind of binds) {
    const list = byNode.get(bind.node);
    if (list) list.push(bind);
    else byNode.set(bind.node, [bind]);
  }
  return byNode;
}
