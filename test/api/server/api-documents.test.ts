import { describe, expect, test } from 'vitest';
import { builtinKinds } from '../../../api/kinds/registry.ts';
import { ApiDocuments } from '../../../api/server/api-documents.ts';
import { KindTable } from '../../../api/server/kind-table.ts';

const table = new KindTable(builtinKinds);
const documents = new ApiDocuments(table);

// biome-ignore format: one line
const aggregated = (version: string) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList,application/json`;

// Documents are looked into here as a client would: without types.
type Json = Record<string, never>;
const jsonAt = (path: string, accept?: string): Json =>
  JSON.parse(documents.at(path, accept)?.body.toString() ?? 'null');

interface Resource {
  name: string;
  kind: string;
  group?: string;
  verbs: string[];
  shortNames?: string[];
}
const resourcesAt = (path: string): Resource[] =>
  (jsonAt(path) as unknown as { resources: Resource[] }).resources;

describe('legacy discovery', () => {
  test('names the core version, the groups and their versions', () => {
    expect(jsonAt('/api')).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const { groups } = jsonAt('/apis') as unknown as { groups: { name: string }[] };
    expect(groups.map(({ name }) => name)).toEqual([
      'gantry.dev',
      'discovery.k8s.io',
      'storage.k8s.io',
      'coordination.k8s.io',
      'scheduling.k8s.io',
      'policy',
      'apiextensions.k8s.io',
      'metrics.k8s.io',
      'authentication.k8s.io',
      'authorization.k8s.io',
    ]);
    expect(jsonAt('/apis/gantry.dev')).toEqual({
      kind: 'APIGroup',
      apiVersion: 'v1',
      name: 'gantry.dev',
      versions: [{ groupVersion: 'gantry.dev/v1', version: 'v1' }],
      preferredVersion: { groupVersion: 'gantry.dev/v1', version: 'v1' },
    });
  });

  test('lists a resource before its subresources', () => {
    const names = resourcesAt('/apis/gantry.dev/v1').map(({ name }) => name);
    expect(names).toEqual([
      'jobs',
      'jobs/status',
      'jobs/scale',
      'tasks',
      'tasks/status',
      'tasks/attach',
      'tasks/binding',
      'tasks/ephemeralcontainers',
      'tasks/eviction',
      'tasks/exec',
      'tasks/log',
      'tasks/portforward',
      'tasks/resize',
      'plans',
    ]);
    const jobs = resourcesAt('/apis/gantry.dev/v1').filter(({ name }) => name.startsWith('jobs'));
    expect(jobs[0]).toMatchObject({
      kind: 'Job',
      shortNames: ['gj'],
      verbs: expect.arrayContaining(['watch']),
    });
    expect(jobs[2]).toMatchObject({ kind: 'Scale', group: 'autoscaling', verbs: ['get', 'patch', 'update'] });
  });

  test.each([
    '/apis/nope',
    '/apis/gantry.dev/v2',
    '/api/v2',
    '/apis/',
    '/openapi/v3/apis/nope/v1',
    '/openapi',
    '/',
  ])('knows nothing at %s', (path) => {
    expect(documents.at(path, undefined)).toBeUndefined();
  });
});

describe('aggregated discovery', () => {
  test.each(['v2', 'v2beta1'])(
    'says the same in one document (%s), under the type it was asked in',
    (version) => {
      const document = documents.at('/apis', aggregated(version));
      expect(document?.contentType).toBe(
        `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      );
      const body = JSON.parse(document?.body.toString() ?? '');
      expect(body.apiVersion).toBe(`apidiscovery.k8s.io/${version}`);
      expect(body.items[0].versions[0].resources[0]).toEqual({
        resource: 'jobs',
        responseKind: { group: 'gantry.dev', version: 'v1', kind: 'Job' },
        scope: 'Namespaced',
        singularResource: 'job',
        verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
        shortNames: ['gj'],
        categories: ['all', 'gantry'],
        subresources: [
          {
            subresource: 'status',
            responseKind: { group: 'gantry.dev', version: 'v1', kind: 'Job' },
            verbs: ['get', 'patch', 'update'],
          },
          {
            subresource: 'scale',
            responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
            verbs: ['get', 'patch', 'update'],
          },
        ],
      });
    },
  );

  test('has the core group alone under /api', () => {
    const { items } = jsonAt('/api', aggregated('v2')) as unknown as {
      items: { metadata: { name: string } }[];
    };
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['']);
  });
});

describe('OpenAPI', () => {
  test('version 3 has an index of documents whose address changes with their content', () => {
    const { paths } = jsonAt('/openapi/v3') as unknown as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    expect(Object.keys(paths)).toEqual([
      'apis/gantry.dev/v1',
      'api/v1',
      'apis/discovery.k8s.io/v1',
      'apis/storage.k8s.io/v1',
      'apis/coordination.k8s.io/v1',
      'apis/scheduling.k8s.io/v1',
      'apis/policy/v1',
      'apis/apiextensions.k8s.io/v1',
      'apis/metrics.k8s.io/v1beta1',
    ]);
    expect(paths['apis/gantry.dev/v1']?.serverRelativeURL).toMatch(
      /^\/openapi\/v3\/apis\/gantry\.dev\/v1\?hash=[0-9A-F]{64}$/,
    );
  });

  test('version 3 says what kubectl needs of a kind', () => {
    const document = jsonAt('/openapi/v3/apis/gantry.dev/v1') as unknown as {
      openapi: string;
      paths: Record<string, Record<string, Record<string, never>>>;
      components: { schemas: Record<string, { properties: Record<string, object> }> };
    };
    expect(document.openapi).toBe('3.0.0');
    const job = document.components.schemas['dev.gantry.v1.Job'];
    expect(job).toMatchObject({
      type: 'object',
      'x-kubernetes-group-version-kind': [{ group: 'gantry.dev', version: 'v1', kind: 'Job' }],
      properties: {
        metadata: {
          allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
        },
        spec: { properties: { type: { enum: ['Service', 'Batch'] } } },
      },
    });
    const post = document.paths['/apis/gantry.dev/v1/namespaces/{namespace}/jobs']?.['post'] as unknown as {
      parameters: { name: string }[];
    };
    expect(post.parameters.map(({ name }) => name)).toEqual(['dryRun', 'fieldManager', 'fieldValidation']);
    const patch = document.paths['/apis/gantry.dev/v1/namespaces/{namespace}/jobs/{name}']?.['patch'];
    expect(patch).toMatchObject({
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': { group: 'gantry.dev', version: 'v1', kind: 'Job' },
    });
    expect(JSON.stringify(patch)).toContain('application/strategic-merge-patch+json');
  });

  test('version 3 refers to nothing that is not there', () => {
    for (const path of ['api/v1', 'apis/gantry.dev/v1', 'apis/coordination.k8s.io/v1']) {
      const text = documents.at(`/openapi/v3/${path}`, undefined)?.body.toString() ?? '';
      const { schemas } = JSON.parse(text).components;
      for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
        expect(Object.keys(schemas)).toContain(name);
    }
  });

  test('version 2 is a protobuf document under a type Go can parse', () => {
    const document = documents.at(
      '/openapi/v2',
      'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
    );
    expect(document?.contentType).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    expect(document?.body.subarray(0, 5)).toEqual(Buffer.from('\x0a\x032.0'));
    expect(document?.body.includes('dev.gantry.v1.Job')).toBe(true);
  });
});

describe('documents', () => {
  test('are made once, and anew when the kinds change', () => {
    const own = new KindTable(builtinKinds.slice(1));
    const ownDocuments = new ApiDocuments(own);
    const before = ownDocuments.at('/apis/gantry.dev/v1', undefined);
    expect(ownDocuments.at('/apis/gantry.dev/v1', 'application/json')?.body).toBe(before?.body);
    own.put(builtinKinds[0]!);
    const after = ownDocuments.at('/apis/gantry.dev/v1', undefined);
    expect(after?.etag).not.toBe(before?.etag);
    expect(after?.body.toString()).toContain('"jobs"');
  });
});
