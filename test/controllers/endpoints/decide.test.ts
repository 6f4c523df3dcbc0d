import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointSlice, Service, Task } from '../../../api/kinds/resources.ts';
import { endpointsManager, managedByLabel, serviceNameLabel } from '../../../api/kinds/service-labels.ts';
import { type Action, decideEndpoints, maxEndpointsPerSlice } from '../../../controllers/endpoints/decide.ts';
import { wantedGroups, wantedGroupsOfJob } from '../../../controllers/endpoints/wanted.ts';

interface TaskFacts {
  ready?: boolean;
  address?: string;
  deleted?: boolean;
  phase?: Task['status']['phase'];
  ports?: object[];
  labels?: Record<string, string>;
}

function task(name: string, facts: TaskFacts = {}): Task {
  const { ready = true, address = '10.0.0.1', deleted = false, phase = 'Running' } = facts;
  const { labels = { app: 'web' }, ports = [] } = facts;
  return {
    metadata: {
      ...{ name, namespace: 'default', uid: `uid-${name}`, labels },
      ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [{ name: 'main', ports, resources: {} }], nodeName: 'n1', job: 'web', index: 0 },
    status: {
      phase,
      ...(address === '' ? {} : { addresses: [address] }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  } as unknown as Task;
}

function service(spec: object = {}): Service {
  const ports = [{ port: 80, targetPort: 8080, protocol: 'TCP' }];
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'uid-web' },
    spec: { type: 'ClusterIP', selector: { app: 'web' }, ports, ...spec },
  } as unknown as Service;
}

const labels = { [serviceNameLabel]: 'web', [managedByLabel]: endpointsManager };
const decide = (of: Service, tasks: Task[], slices: readonly EndpointSlice[]): Action[] =>
  decideEndpoints({ prefix: 'web', labels }, wantedGroups(of, tasks), slices);

/** What the slices are after the actions. */
function carryOut(slices: readonly EndpointSlice[], actions: readonly Action[]): EndpointSlice[] {
  const next = new Map(slices.map((slice) => [slice.metadata.name, slice]));
  for (const action of actions) {
    if (action.do === 'delete') next.delete(action.slice.metadata.name);
    else {
      const [name, ports] =
        action.do === 'create'
          ? [action.name, action.ports]
          : [action.slice.metadata.name, action.slice.ports];
      const slice = { metadata: { name, namespace: 'default', labels }, ports, endpoints: action.endpoints };
      next.set(name, { ...slice, addressType: 'IPv4' } as unknown as EndpointSlice);
    }
  }
  return [...next.values()];
}

const settled = (tasks: Task[], slices: EndpointSlice[] = [], of = service()): EndpointSlice[] =>
  carryOut(slices, decide(of, tasks, slices));
const namesIn = (slices: readonly EndpointSlice[]): (string | undefined)[] =>
  slices.flatMap(({ endpoints }) => endpoints.map(({ targetRef }) => targetRef?.name));

describe('endpoints', () => {
  test('are the tasks the selector finds that have an address and are not over', () => {
    const slices = settled([
      task('a'),
      task('unplaced', { address: '' }),
      task('over', { phase: 'Failed' }),
      task('other', { labels: { app: 'db' } }),
    ]);
    expect(slices).toMatchObject([
      {
        ports: [{ name: '', port: 8080, protocol: 'TCP' }],
        endpoints: [
          {
            addresses: ['10.0.0.1'],
            conditions: { ready: true, serving: true, terminating: false },
            nodeName: 'n1',
            hostname: 'web-0',
            targetRef: { kind: 'Task', name: 'a', uid: 'uid-a' },
          },
        ],
      },
    ]);
  });

  test.each<[string, TaskFacts, object, object]>([
    ['not ready', { ready: false }, {}, { ready: false, serving: false, terminating: false }],
    ['being deleted', { deleted: true }, {}, { ready: false, serving: true, terminating: true }],
    ['of a lost node', { phase: 'Unknown' }, {}, { ready: false, serving: false, terminating: false }],
    [
      'not ready, published',
      { ready: false },
      { publishNotReadyAddresses: true },
      { ready: true, serving: false, terminating: false },
    ],
  ])('of a task %s say so', (_name, facts, spec, conditions) => {
    expect(settled([task('a', facts)], [], service(spec))[0]?.endpoints[0]?.conditions).toEqual(conditions);
  });

  test('a target port leads, by number or name, to the port the task has on its node', () => {
    const ports = [{ name: 'http', containerPort: 8080, hostPort: 23456, protocol: 'TCP' }];
    for (const targetPort of [8080, 'http'])
      expect(
        settled(
          [task('a', { ports })],
          [],
          service({ ports: [{ port: 80, targetPort, protocol: 'TCP' }] }),
        )[0]?.ports,
      ).toEqual([{ name: '', port: 23456, protocol: 'TCP' }]);
    expect(
      settled([task('a')], [], service({ ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }] }))[0]
        ?.ports,
    ).toEqual([]);
  });

  test('tasks with different port numbers are in different slices', () => {
    const at = (hostPort: number) => ({ ports: [{ containerPort: 8080, hostPort, protocol: 'TCP' }] });
    const slices = settled([task('a', at(20001)), task('b', at(20002)), task('c', at(20001))]);
    expect(slices.map((slice) => [slice.ports[0]?.port, namesIn([slice])])).toEqual([
      [20001, ['a', 'c']],
      [20002, ['b']],
    ]);
  });

  test('a service without a selector is left to others, and an alias has none', () => {
    expect(decide(service({ selector: {} }), [task('a')], [])).toEqual([]);
    expect(decide(service({ type: 'ExternalName' }), [task('a')], [])).toEqual([]);
    const [foreign] = settled([task('a')]);
    if (foreign) foreign.metadata.labels = { [serviceNameLabel]: 'web' };
    expect(decide(service({ selector: {} }), [], foreign ? [foreign] : [])).toEqual([]);
  });
});

test('tasks of a job are endpoints under their indexes, with the ports of their containers', () => {
  const ports = [{ name: 'http', containerPort: 80, hostPort: 20001, protocol: 'TCP' }];
  expect(wantedGroupsOfJob([task('a', { ports })])).toMatchObject([
    {
      ports: [{ name: 'http', port: 20001, protocol: 'TCP' }],
      endpoints: [{ hostname: '0', addresses: ['10.0.0.1'] }],
    },
  ]);
});

describe('slices', () => {
  const many = (count: number): Task[] => Array.from({ length: count }, (_, index) => task(`t${index}`));

  test('hold at most 100 endpoints, and change as little as possible', () => {
    const slices = settled(many(250));
    expect(slices.map(({ endpoints }) => endpoints.length)).toEqual([100, 100, 50]);
    const lost = many(250).slice(1);
    expect(decide(service(), lost, slices)).toHaveLength(1);
    // A new endpoint takes the place of the one that went: one write.
    expect(decide(service(), [...lost, task('new')], slices)).toHaveLength(1);
    expect(decide(service(), many(250), slices)).toEqual([]);
  });

  test('an endpoint left in two slices by a write cut short stays in one', () => {
    const [slice] = settled([task('a')]);
    if (!slice) throw new Error('no slice');
    const twin = { ...slice, metadata: { ...slice.metadata, name: 'web-x-1' } };
    expect(namesIn(settled([task('a')], [slice, twin]))).toEqual(['a']);
  });

  test('after any history they are the wanted endpoints, each once, and nothing is left to do', () => {
    const history = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 260 }), { maxLength: 260 }), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(history, (steps) => {
        let slices: EndpointSlice[] = [];
        for (const step of steps) {
          const tasks = step.map((index) => task(`t${index}`));
          slices = settled(tasks, slices);
          expect(namesIn(slices).sort()).toEqual(tasks.map(({ metadata }) => metadata.name).sort());
          for (const { endpoints } of slices)
            expect(endpoints.length).toBeLessThanOrEqual(maxEndpointsPerSlice);
          expect(decide(service(), tasks, slices)).toEqual([]);
        }
      }),
      { numRuns: 30, seed: 7 },
    );
  });
});
