/**
 * metrics.k8s.io/v1beta1: what nodes and tasks use now. Computed when asked for, never stored, so these kinds
 * are in no registry; pods are tasks.
 */
import Type from 'typebox';
import type { AnyObject } from '../meta/object-meta.ts';
import { type AnyKind, anyKind, defineKind } from './define-kind.ts';
import type { KindNames } from './names.ts';
import { closedObject, list, objectShape, quantities, text, time } from './shapes.ts';

export const metricsGroup = 'metrics.k8s.io';
const version = 'v1beta1';

const measured = {
  timestamp: time('When it was measured.'),
  window: text('How long: the rate of cpu is an average over it.'),
};
const usage = quantities('cpu in cores, memory as working set.');
const containers = list(closedObject({ name: Type.String(), usage }), 'One per running container.', {
  mapKeys: ['name'],
});

export const nodeMetricsKind = metricsKind(
  { kind: 'NodeMetrics', plural: 'nodes', namespaced: false },
  { ...measured, usage },
  'What a node uses now.',
);
export const podMetricsKind = metricsKind(
  { kind: 'PodMetrics', plural: 'pods', namespaced: true },
  { ...measured, containers },
  'What the containers of a task use now, as Kubernetes knows it.',
);
export const taskMetricsKind = metricsKind(
  { kind: 'TaskMetrics', plural: 'tasks', namespaced: true },
  { ...measured, containers },
  'What the containers of a task use now.',
);

export const metricsKinds: readonly AnyKind[] = [nodeMetricsKind, podMetricsKind, taskMetricsKind];

function metricsKind(
  own: Pick<KindNames, 'kind' | 'plural' | 'namespaced'>,
  fields: Parameters<typeof objectShape>[1],
  description: string,
): AnyKind {
  const kindNames = { ...own, group: metricsGroup, version, singular: '', shortNames: [], categories: [] };
  return anyKind(
    defineKind<AnyObject>({
      ...{ ...kindNames, description, verbs: ['get', 'list'] },
      schema: objectShape(kindNames, fields, description),
      statusSubresource: false,
      columns: [],
      strategy: {},
    }),
  );
}
