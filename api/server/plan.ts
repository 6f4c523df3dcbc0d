/**
 * Plans: what a scheduler decided from its view of the cell, handed in as a whole and checked against the
 * truth (shared state, Omega, EuroSys'13). Any number of schedulers may hand in plans at once.
 *
 *   binds only        the tasks are bound, one transaction per node, or one over all (AllOrNothing)
 *   with evictions    the evicted tasks are told to end, and the task of the bind (AllOrNothing: those of all)
 *                     nominated for its node, at one revision; room is free only when the agents have said so
 *                     (contract R8), and then a plan without evictions binds
 */
import { names } from '../kinds/names.ts';
import { asApiError } from '../meta/api-error.ts';
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
  binds: readonly PlannedBind[];
  /** Of an AllOrNothing plan as a whole, beside those of its binds. */
  evictions: readonly EvictionRequest[];
}

export interface PlannedBind extends BindRequest {
  /** Those that are in its way. */
  evictions: readonly EvictionRequest[];
}

/** etcd takes 128 operations in a transaction; each task is one compare and one put. */
const tasksPerTransaction = 60;
const nodesAtOnce = 32;

type Outcomes = Map<BindRequest, BindOutcome>;

/**
 * Outcomes in the order of the binds. Rejects when the evictions of an AllOrNothing plan cannot be done, and then
 * none was.
 */
export async function commitPlan(backend: BindBackend, plan: Plan): Promise<BindOutcome[]> {
  const outcomes: Outcomes = new Map();
  if (plan.mode === 'AllOrNothing') await commitTogether(backend, plan, outcomes);
  else await Promise.all([bindEach(backend, plan, outcomes), evictForEach(backend, plan, outcomes)]);
  return plan.binds.map((bind) => outcomes.get(bind));
}

async function commitTogether(backend: BindBackend, plan: Plan, outcomes: Outcomes): Promise<void> {
  const { revision, binds } = plan;
  const evictions = [...plan.evictions, ...binds.flatMap((bind) => bind.evictions)];
  if (evictions.length > 0) return evictAndNominate(backend, { binds, evictions });
  const act = () => new BindTransaction(backend, binds, { atomic: true, revision }).run(outcomes);
  await backend.allocations.takeAll([...groupedByNode(binds).keys()], act);
}

async function bindEach(backend: BindBackend, { revision, binds }: Plan, outcomes: Outcomes): Promise<void> {
  const byNode = groupedByNode(binds.filter(({ evictions }) => evictions.length === 0));
  await mapConcurrently([...byNode], nodesAtOnce, async ([node, list]) => {
    for (const some of inPortions(backend, list)) {
      const act = () => new BindTransaction(backend, some, { atomic: false, revision }).run(outcomes);
      await backend.allocations.takeAll([node], act);
    }
  });
}

/** Tasks with claims go one by one: each may write several objects more. */
function inPortions({ cache }: BindBackend, list: readonly BindRequest[]): BindRequest[][] {
  const hasClaims = ({ namespace, name }: BindRequest): boolean =>
    cache.kind(names.Task).get(`${namespace}/${name}`)?.bytes.includes('"persistentVolumeClaim"') ?? false;
  const portions = list.filter(hasClaims).map((one) => [one]);
  const others = portions.length === 0 ? list : list.filter((one) => !hasClaims(one));
  for (let at = 0; at < others.length; at += tasksPerTransaction)
    portions.push(others.slice(at, at + tasksPerTransaction));
  return portions;
}

async function evictForEach(backend: BindBackend, { binds }: Plan, outcomes: Outcomes): Promise<void> {
  const displacing = binds.filter(({ evictions }) => evictions.length > 0);
  await mapConcurrently(displacing, nodesAtOnce, async (bind) => {
    const act = evictAndNominate(backend, { binds: [bind], evictions: bind.evictions });
    outcomes.set(bind, await act.then(() => undefined, asApiError));
  });
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
