import { describe, expect, test } from 'vitest';
import { builtinKinds } from '../../../api/kinds/registry.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { KindTable } from '../../../api/server/kind-table.ts';
import { age, tableOf } from '../../../api/server/table.ts';

const nowMs = Date.UTC(2030, 0, 1, 12);
const nodes = new KindTable(builtinKinds).byPlural('', 'v1', 'nodes')!;
const node: AnyObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'n1',
    resourceVersion: '7',
    creationTimestamp: '2030-01-01T11:55:00Z',
    labels: { a: 'b' },
  },
  spec: { unschedulable: true },
  status: { conditions: [{ type: 'Ready', status: 'True' }], allocatable: { cpu: '2', memory: '4Gi' } },
};

type Table = {
  metadata: object;
  columnDefinitions: { name: string; type: string; priority: number }[] | null;
  rows: { cells: unknown[]; object?: { kind: string; metadata: object } }[];
};

describe('tables', () => {
  test('a row has a cell for every column, ages as text, and the metadata of its object', () => {
    const table = tableOf(nodes, [node], {
      includeObject: 'Metadata',
      nowMs,
      listMeta: { resourceVersion: '9' },
    }) as Table;
    expect(table).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '9' },
    });
    expect(table.columnDefinitions?.map(({ name }) => name).slice(0, 5)).toEqual([
      'Name',
      'Status',
      'Roles',
      'Age',
      'Version',
    ]);
    expect(table.rows[0]?.cells.slice(0, 4)).toEqual(['n1', 'Ready,SchedulingDisabled', '<none>', '5m']);
    expect(table.rows[0]?.object).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: node.metadata,
    });
  });

  test('rows carry nothing, or the whole object, when asked', () => {
    const rows = (includeObject: 'None' | 'Object') =>
      (tableOf(nodes, [node], { includeObject, nowMs }) as Table).rows;
    expect(rows('None')[0]).not.toHaveProperty('object');
    expect(rows('Object')[0]?.object).toBe(node);
  });

  test('the columns of a watch come with its first event only, each with the version of its object', () => {
    const table = tableOf(nodes, [node], { includeObject: 'Metadata', nowMs, withColumns: false }) as Table;
    expect(table.columnDefinitions).toBeNull();
    expect(table.metadata).toEqual({ resourceVersion: '7' });
  });

  test('every kind makes a row of an object that has nothing but defaults', () => {
    for (const served of new KindTable(builtinKinds).all()) {
      const bare = {
        metadata: { name: 'x', namespace: 'd' },
        spec: {},
        status: { phase: 'Pending' },
        involvedObject: {},
        value: 1,
        ...{ provisioner: 'p', reclaimPolicy: 'Delete', volumeBindingMode: 'WaitForFirstConsumer' },
      };
      const volume = { capacity: {}, volumeMode: 'Filesystem', persistentVolumeReclaimPolicy: 'Retain' };
      const spec = { type: 'Service', containers: [], template: { spec: { containers: [] } }, ...volume };
      const table = tableOf(served, [{ ...bare, spec } as unknown as AnyObject], {
        includeObject: 'None',
        nowMs,
      });
      const { rows, columnDefinitions } = table as Table;
      expect(rows[0]?.cells).toHaveLength(columnDefinitions?.length ?? 0);
      for (const cell of rows[0]?.cells ?? []) expect(cell).not.toBeUndefined();
    }
  });

  test.each<[number, string]>([
    [-1, '0s'],
    [-5, '<invalid>'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [150, '2m30s'],
    [600, '10m'],
    [3 * 3600 - 1, '179m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 60, '3h1m'],
    [8 * 3600 + 60, '8h'],
    [48 * 3600, '2d'],
    [49 * 3600, '2d1h'],
    [8 * 86400, '8d'],
    [729 * 86400, '729d'],
    [730 * 86400, '2y'],
    [800 * 86400, '2y70d'],
    [8 * 365 * 86400 + 86400, '8y'],
  ])('%d seconds are shown as %s', (seconds, text) => {
    expect(age(seconds * 1000)).toBe(text);
  });
});
