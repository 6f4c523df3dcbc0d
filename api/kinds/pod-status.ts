/**
 * The status of a task in the words of a Pod, and back. A Pod's status is what its task's says; nothing of
 * its own is kept.
 */
import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;

/** Fields of a task's status that a Pod has no word for. */
const hiddenFields = ['pending', 'finishTime', 'usage', 'addresses'];

const statusLists = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];

export function podStatus(status: Json): Json {
  const shown = Object.fromEntries(Object.entries(status).filter(([field]) => !hiddenFields.includes(field)));
  const { hostIP, addresses = hostIP === undefined ? [] : [hostIP] } = status;
  const podIPs = (addresses as string[]).map((ip) => ({ ip }));
  const conditions = podConditions(status);
  return {
    ...shown,
    ...(conditions.length > 0 ? { conditions } : {}),
    ...(hostIP === undefined ? {} : { hostIPs: [{ ip: hostIP }] }),
    ...(podIPs[0] ? { podIP: podIPs[0].ip, podIPs } : {}),
    ...Object.assign({}, ...statusLists.map((field) => mapped(status, field, podContainerStatus))),
  };
}

function mapped(status: Json, field: string, change: (item: Json) => Json): Json {
  const list = status[field];
  return Array.isArray(list) ? { [field]: list.map(change) } : {};
}

/** Clients of Kubernetes rely on these fields. */
function podContainerStatus({ pid: _pid, ...status }: Json): Json {
  return { image: '', imageID: '', lastState: {}, ...status };
}

const conditionNames: readonly (readonly [task: string, pod: string])[] = [['Scheduled', 'PodScheduled']];

function podConditions({ conditions = [], pending }: Json): Json[] {
  const shown = (conditions as Json[]).map((condition) => renamed(condition, 0));
  const why = pending as { message?: string } | undefined;
  if (!why || shown.some(({ type }) => type === 'PodScheduled')) return shown;
  const { message = '' } = why;
  return [...shown, { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
}

function renamed(condition: Json, from: 0 | 1): Json {
  const pair = conditionNames.find((each) => each[from] === condition['type']);
  return pair ? { ...condition, type: pair[1 - from] } : condition;
}

/** What a Pod's status changes in its task's. */
export function taskStatus(status: Json, before: Json = {}): Json {
  const shown = podStatus(before);
  const changes = Object.entries(status).filter(([field, value]) => !isDeepStrictEqual(value, shown[field]));
  const removed = Object.keys(shown).filter((field) => status[field] === undefined);
  const changed: Json = { ...before };
  for (const field of removed) delete changed[field];
  for (const [field, value] of changes) {
    if (derivedFields.has(field)) continue;
    if (field === 'conditions') changed[field] = (value as Json[]).map((condition) => renamed(condition, 1));
    else if (statusLists.includes(field))
      changed[field] = (value as Json[]).map((each) => withPid(each, before[field]));
    else changed[field] = value;
  }
  return changed;
}

const derivedFields: ReadonlySet<string> = new Set(['podIP', 'podIPs', 'hostIPs', 'nominatedNodeName']);

function withPid(status: Json, before: unknown): Json {
  const known = Array.isArray(before) ? before.find(({ name }: Json) => name === status['name']) : undefined;
  return known?.pid === undefined ? status : { ...status, pid: known.pid };
}
