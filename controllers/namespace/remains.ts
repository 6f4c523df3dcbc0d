/** What is still in a namespace that is being emptied, in words: Kubernetes' conditions of a Terminating namespace. */
import type { Resource } from '../../api/kinds/resources.ts';
import { type Condition, withCondition } from '../../api/meta/conditions.ts';
import type { KubeObject } from '../../api/meta/object-meta.ts';

/** Objects of one kind; at least one. */
export interface Remains {
  resource: Pick<Resource<KubeObject>, 'plural' | 'group'>;
  objects: readonly KubeObject[];
}

/** No counts: the conditions change when kinds and finalizers come and go, not with every object. */
export function remainsConditions(
  conditions: readonly Condition[] | undefined,
  remains: readonly Remains[],
  nowMs: number,
): Condition[] {
  const kinds = remains.map(({ resource: { plural, group } }) => (group ? `${plural}.${group}` : plural));
  const finalizers = new Set(
    remains.flatMap(({ objects }) => objects.flatMap(({ metadata }) => metadata.finalizers ?? [])),
  );
  const content = withCondition(
    conditions,
    {
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${kinds.join(', ')}`,
    },
    nowMs,
  );
  return withCondition(
    content,
    finalizers.size > 0
      ? {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${[...finalizers].sort().join(', ')}`,
        }
      : {
          type: 'NamespaceFinalizersRemaining',
          status: 'False',
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        },
    nowMs,
  );
}
