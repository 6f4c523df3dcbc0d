/**
 * Carries out what `decideNodes` decided. Caches may be behind, so what cannot be undone is looked at
 * live first: a silent node's lease, a missing node. Writes that lose against a newer version are
 * dropped; the next decision, a second later, sees that version.
 */
import { nodeLeaseNamespace } from '../../api/kinds/names.ts';
import { Lease, Node, Task } from '../../api/kinds/resources.ts';
import { taints } from '../../api/kinds/taints.ts';
import { disconnectedCondition } from '../../api/kinds/task-phase.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import type { Clock } from '../../api/meta/clock.ts';
import { withCondition } from '../../api/meta/conditions.ts';
import { timestamp } from '../../api/meta/object-meta.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { hasUnreachableTaint, type NodeAction } from './decide.ts';

export interface NodeActContext {
  client: Client;
  clock: Clock;
  events: EventRecorder;
}

export async function actOnNode(action: NodeAction, context: NodeActContext): Promise<void> {
  try {
    await actOnce(action, context);
  } catch (error) {
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error;
  }
}

function actOnce(action: NodeAction, context: NodeActContext): Promise<void> {
  switch (action.type) {
    case 'markUnreachable':
      return markUnreachable(action, context);
    case 'markReachable':
      return markReachable(action.node, context);
    case 'taint':
      return taint(action, context);
    case 'markTask':
      return markTask(action, context);
    case 'fence':
      return fence(action, context);
  }
}

async function markUnreachable(
  { node, renewTime }: Extract<NodeAction, { type: 'markUnreachable' }>,
  { client, clock, events }: NodeActContext,
): Promise<void> {
  if ((await liveRenewTime(node.metadata.name, client)) !== renewTime) return;
  const conditions = withCondition(
    node.status.conditions,
    {
      type: 'Ready',
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'The node agent stopped renewing its lease.',
    },
    clock.now(),
  );
  const marked = await client.updateStatus(Node, { ...node, status: { ...node.status, conditions } });
  events.record(node, {
    type: 'Warning',
    reason: 'NodeNotReady',
    message: 'The node agent stopped renewing its lease.',
  });
  if (hasUnreachableTaint(marked)) return;
  const taint = { key: taints.unreachable, effect: 'NoSchedule' as const, timeAdded: timestamp(clock.now()) };
  await client.update(Node, {
    ...marked,
    spec: { ...marked.spec, taints: [...(marked.spec.taints ?? []), taint] },
  });
}

async function liveRenewTime(name: string, client: Client): Promise<string | undefined> {
  try {
    return (await client.get(Lease, { namespace: nodeLeaseNamespace, name })).spec.renewTime;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function markReachable(node: Node, { client, events }: NodeActContext): Promise<void> {
  const kept = (node.spec.taints ?? []).filter(({ key }) => key !== taints.unreachable);
  const { taints: _taints, ...spec } = node.spec;
  await client.update(Node, { ...node, spec: kept.length > 0 ? { ...spec, taints: kept } : spec });
  events.record(node, {
    type: 'Normal',
    reason: 'NodeReachable',
    message: 'The node agent renews its lease again.',
  });
}

async function taint(
  { node, taints: wanted }: Extract<NodeAction, { type: 'taint' }>,
  { client }: NodeActContext,
): Promise<void> {
  const { taints: _taints, ...spec } = node.spec;
  await client.update(Node, { ...node, spec: wanted.length > 0 ? { ...spec, taints: wanted } : spec });
}

async function markTask(
  { task, isGivenUp, renewTime }: Extract<NodeAction, { type: 'markTask' }>,
  { client, clock }: NodeActContext,
): Promise<void> {
  if (isAtMostOnce(task) && (await liveRenewTime(task.spec.nodeName ?? '', client)) !== renewTime) return;
  const nowMs = clock.now();
  const wasUnknown = task.status.phase === 'Unknown';
  // The countdown to giving up starts with this silence, not with an earlier one.
  const before = (task.status.conditions ?? []).filter(
    ({ type }) => wasUnknown || type !== disconnectedCondition,
  );
  const unready = withCondition(before, { type: 'Ready', status: 'Unknown', reason: 'NodeLost' }, nowMs);
  const conditions = withCondition(
    unready,
    {
      type: disconnectedCondition,
      status: isGivenUp ? 'True' : 'False',
      reason: isGivenUp ? 'NodeLost' : 'EvictionHeldBack',
    },
    nowMs,
  );
  const status: Task['status'] = {
    ...task.status,
    phase: 'Unknown',
    reason: 'NodeLost',
    message: `Node ${task.spec.nodeName} cannot be heard.`,
    conditions,
  };
  await client.updateStatus(Task, { ...task, status });
}

async function fence(
  { nodeName, tasks, renewTime }: Extract<NodeAction, { type: 'fence' }>,
  { client }: NodeActContext,
): Promise<void> {
  if (await nodeExists(nodeName, client)) return;
  const isHeard = tasks.some(isAtMostOnce) && (await liveRenewTime(nodeName, client)) !== renewTime;
  for (const task of tasks) {
    if (isHeard && isAtMostOnce(task)) continue;
    const { metadata } = task;
    const { namespace, name, uid } = metadata;
    const key = namespace === undefined ? { name } : { namespace, name };
    const preconditions = uid === undefined ? {} : { uid };
    try {
      await client.delete(Task, key, { gracePeriodSeconds: 0, preconditions });
    } catch (error) {
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}

function isAtMostOnce({ spec }: Task): boolean {
  return spec.runPolicy === 'AtMostOnce';
}

async function nodeExists(name: string, client: Client): Promise<boolean> {
  try {
    await client.get(Node, { name });
    return true;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return false;
    throw error;
  }
}
