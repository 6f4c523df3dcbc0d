/** The CronTab of the Kubernetes documentation, and short ways to have definitions and objects of it. */
import { expect, vi } from 'vitest';
import type { Answer, TestServer } from '../test-server.ts';

export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const cronTabs = '/apis/stable.example.com/v1/namespaces/default/crontabs';

type Json = ReturnType<typeof JSON.parse>;

/** Changes to the one version, and to the spec of the definition. */
export function cronTabDefinition(version: object = {}, spec: object = {}): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: {
        plural: 'crontabs',
        singular: 'crontab',
        kind: 'CronTab',
        shortNames: ['ct'],
        categories: ['all'],
      },
      versions: [{ ...cronTabVersion(), ...version }],
      ...spec,
    },
  };
}

export function cronTabVersion(name = 'v1'): Json {
  return {
    name,
    served: true,
    storage: true,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        description: 'Runs an image now and then.',
        properties: {
          spec: {
            type: 'object',
            required: ['cronSpec'],
            properties: {
              cronSpec: {
                type: 'string',
                description: 'When to run.',
                pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$',
                default: '5 0 * * *',
              },
              image: { type: 'string' },
              replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 },
              color: { type: 'string' },
            },
            'x-kubernetes-validations': [
              {
                rule: "!has(self.image) || self.image.startsWith('registry.example/')",
                message: 'image must come from registry.example',
              },
              {
                rule: 'self.replicas <= oldSelf.replicas + 3',
                messageExpression: "'may grow by 3 at a time, not to ' + string(self.replicas)",
                reason: 'FieldValueForbidden',
                fieldPath: '.replicas',
              },
            ],
          },
          status: {
            type: 'object',
            properties: { replicas: { type: 'integer' }, labelSelector: { type: 'string' } },
          },
        },
      },
    },
    additionalPrinterColumns: [
      { name: 'Spec', type: 'string', description: 'When to run.', jsonPath: '.spec.cronSpec' },
      { name: 'Replicas', type: 'integer', description: 'How many.', jsonPath: '.spec.replicas' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      { name: 'Color', type: 'string', priority: 1, jsonPath: '.spec.color' },
    ],
    selectableFields: [{ jsonPath: '.spec.color' }],
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.labelSelector',
      },
    },
  };
}

export function cronTab(name: string, spec: object = {}): Json {
  return { apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name }, spec };
}

/** Creates the definition and waits until its kind is served. */
export async function define(server: TestServer, definition: Json = cronTabDefinition()): Promise<Answer> {
  const created = await server.post(definitions, definition);
  if (created.status !== 201) throw new Error(JSON.stringify(created.body));
  await untilCondition(server, definition.metadata.name, 'Established', 'True');
  return created;
}

export async function conditionOf(server: TestServer, name: string, type: string): Promise<Json> {
  const { body } = await server.get(`${definitions}/${name}`);
  return body.status?.conditions?.find((condition: Json) => condition.type === type);
}

export async function untilCondition(
  server: TestServer,
  name: string,
  type: string,
  status: string,
): Promise<void> {
  await vi.waitFor(async () => expect((await conditionOf(server, name, type))?.status).toBe(status));
}

export async function untilGone(server: TestServer, name: string): Promise<void> {
  await vi.waitFor(async () => expect((await server.get(`${definitions}/${name}`)).status).toBe(404));
}
