/** Arbitrary tasks that mind where others are, for the property tests. */
import fc from 'fast-check';
import type { TaskWords } from './cell.ts';

const app = (value: string) => ({ matchLabels: { app: value } });
const anyApp = fc.constantFrom('a', 'b');
const anyKey = fc.constantFrom('zone', 'kubernetes.io/hostname', 'rack');

const anySpread = fc
  .record({
    topologyKey: anyKey,
    maxSkew: fc.constantFrom(1, 2),
    whenUnsatisfiable: fc.constantFrom('DoNotSchedule' as const, 'ScheduleAnyway' as const),
    app: anyApp,
    minDomains: fc.constantFrom(undefined, undefined, 3),
    nodeAffinityPolicy: fc.constantFrom('Honor' as const, 'Ignore' as const),
    nodeTaintsPolicy: fc.constantFrom('Honor' as const, 'Ignore' as const),
  })
  .map(({ app: value, minDomains, ...rule }) => ({
    ...rule,
    labelSelector: app(value),
    ...(minDomains === undefined || rule.whenUnsatisfiable !== 'DoNotSchedule' ? {} : { minDomains }),
  }));

const anyTerm = fc
  .record({ topologyKey: anyKey, app: anyApp, everywhere: fc.boolean() })
  .map(({ topologyKey, app: value, everywhere }) => ({
    topologyKey,
    labelSelector: app(value),
    ...(everywhere ? { namespaceSelector: {} } : {}),
  }));

const anyWeighted = fc.record({ weight: fc.constantFrom(1, 10), podAffinityTerm: anyTerm });

const few = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { maxLength: 2 });

const anyTaskAffinity = fc.record(
  {
    requiredDuringSchedulingIgnoredDuringExecution: few(anyTerm),
    preferredDuringSchedulingIgnoredDuringExecution: few(anyWeighted),
  },
  { requiredKeys: [] },
);

/** Fields to spread into the words of a task. */
export const anyRelations = fc.record(
  {
    labels: fc.record({ app: anyApp }),
    namespace: fc.constantFrom('default', 'other'),
    topologySpreadConstraints: few(anySpread),
    affinity: fc.record(
      { podAffinity: anyTaskAffinity, podAntiAffinity: anyTaskAffinity },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['labels'] },
) satisfies fc.Arbitrary<TaskWords>;
