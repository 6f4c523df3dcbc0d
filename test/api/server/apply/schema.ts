/** A small schema with every way of dividing a value into fields, for tests of the pure parts. */
import type { JsonSchema } from '../../../../api/server/json-schema.ts';

const text: JsonSchema = { type: 'string' };
const textMap: JsonSchema = { type: 'object', additionalProperties: text };

export const schema: JsonSchema = {
  type: 'object',
  properties: {
    metadata: {
      type: 'object',
      properties: {
        name: text,
        labels: textMap,
        annotations: textMap,
        finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
      },
    },
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer' },
        paused: { type: 'boolean' },
        update: { type: 'object', properties: { surge: { type: 'integer' }, wait: { type: 'integer' } } },
        command: { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' },
        plain: { type: 'array', items: text },
        selector: { ...textMap, 'x-kubernetes-map-type': 'atomic' },
        anything: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        containers: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            properties: {
              name: text,
              image: text,
              memory: { anyOf: [{ type: 'string' }, { type: 'number' }], format: 'quantity' },
              ports: {
                type: 'array',
                'x-kubernetes-list-type': 'map',
                'x-kubernetes-list-map-keys': ['port', 'protocol'],
                items: {
                  type: 'object',
                  properties: {
                    port: { type: 'integer' },
                    protocol: { ...text, default: 'TCP' },
                    name: text,
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};
