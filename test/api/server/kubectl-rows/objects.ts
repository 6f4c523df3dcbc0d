/** Objects for the rows to work on. */
import type { Kubectl } from '../../../kit/kubectl-matrix.ts';

export const spec = {
  type: 'Service',
  replicas: 2,
  template: { spec: { containers: [{ name: 'main', image: 'busybox', resources: {} }] } },
};

export const job = (name: string, labels?: Record<string, string>) => ({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name, ...(labels ? { labels } : {}) },
  spec,
});

export const configMap = (
  name: string,
  data: Record<string, string> = {},
  labels?: Record<string, string>,
) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...(labels ? { labels } : {}) },
  data,
});

export const lease = (name: string) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name },
  spec: {},
});

export const event = (
  name: string,
  about: { kind: string; name: string; uid?: string; namespace: string },
) => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name },
  involvedObject: { apiVersion: 'gantry.dev/v1', ...about },
  reason: 'Tested',
  message: 'so it was',
  type: 'Normal',
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:00Z',
  count: 1,
});

/** A cluster-scoped object is shared by all versions, so its name has the version in it. */
export async function addNode(kubectl: Kubectl, name: string): Promise<string> {
  const node = `${name}-${kubectl.version}`;
  await kubectl.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: node } });
  return node;
}

/** A definition of a kind with a printer column, and the subresources status and scale. */
export const definition = (kind: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${kind.toLowerCase()}s.example.com` },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind, plural: `${kind.toLowerCase()}s`, singular: kind.toLowerCase() },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        additionalPrinterColumns: [{ name: 'Colour', type: 'string', jsonPath: '.spec.colour' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  colour: { type: 'string', default: 'red', description: 'What it looks like.' },
                  replicas: { type: 'integer', minimum: 0 },
                },
              },
              status: { type: 'object', properties: { replicas: { type: 'integer' } } },
            },
          },
        },
      },
    ],
  },
});
