import { describe, expect, it } from 'vitest';
import { definitionCauses } from '../../../api/kinds/custom-definition-rules.ts';
import type { CustomResourceDefinition } from '../../../api/kinds/custom-resource-definition.ts';
import type { CustomSchema } from '../../../api/kinds/custom-schema.ts';

const root = 'spec.versions[0].schema.openAPIV3Schema';

function definition(spec: CustomSchema, version: object = {}): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'things', kind: 'Thing' },
      scope: 'Namespaced',
      conversion: { strategy: 'None' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          ...version,
        },
      ],
    },
  } as CustomResourceDefinition;
}

function problems(given: CustomResourceDefinition): string[] {
  return definitionCauses(given).map(
    ({ field, message }) => `${field.replace(`${root}.properties[spec]`, '…')}: ${message}`,
  );
}

describe('a structural schema', () => {
  const good: [what: string, schema: CustomSchema][] = [
    ['an open object', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }],
    [
      'a number or text',
      { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    ],
    [
      'a number or text in allOf',
      {
        'x-kubernetes-int-or-string': true,
        allOf: [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, { pattern: '^a' }],
      },
    ],
    [
      'conditions on known fields',
      {
        type: 'object',
        properties: { a: { type: 'string' } },
        oneOf: [{ required: ['a'] }, { properties: { a: { enum: ['x'] } } }],
      },
    ],
    [
      'a list with keys',
      {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['n'],
        items: { type: 'object', required: ['n'], properties: { n: { type: 'string' } } },
      },
    ],
    [
      'an object inside',
      {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-preserve-unknown-fields': true,
      },
    ],
    ['a map', { type: 'object', additionalProperties: { type: 'integer' } }],
  ];
  it.each(good)('may hold %s', (_what, schema) => {
    expect(problems(definition(schema))).toEqual([]);
  });

  const bad: [schema: CustomSchema, problem: string][] = [
    [{}, '….type: must not be empty for specified object fields'],
    [
      { type: 'int' },
      '….type: Unsupported value: "int": supported values: object, array, string, integer, number, boolean',
    ],
    [{ type: 'array' }, '….items: must be specified for an array'],
    [
      { type: 'object', propertys: {} },
      '….propertys: unknown or unsupported keyword (did you mean "properties"?)',
    ],
    [{ type: 'object', $ref: '#/a' }, '….$ref: unknown or unsupported keyword'],
    [{ type: 'object', additionalProperties: false }, '….additionalProperties: cannot be set to false'],
    [
      { type: 'object', properties: {}, additionalProperties: { type: 'string' } },
      '….additionalProperties: is mutually exclusive with properties',
    ],
    [
      { type: 'object', anyOf: [{ properties: { a: {} } }] },
      '….anyOf[0].properties[a]: must be specified in the structural part of the schema too',
    ],
    [
      { type: 'object', not: { type: 'string' } },
      '….not.type: must be left out of allOf, anyOf, oneOf and not to be structural',
    ],
    [{ type: 'string', pattern: '(' }, '….pattern: error parsing regexp: missing closing ): `(`'],
    [
      { type: 'string', pattern: '(?=a)' },
      '….pattern: error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
    ],
    [
      { type: 'array', items: { type: 'string' }, uniqueItems: true },
      '….uniqueItems: cannot be set to true since the runtime complexity becomes quadratic',
    ],
    [
      { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' },
      '….x-kubernetes-list-map-keys: is required with, and only with, x-kubernetes-list-type map',
    ],
  ];
  const malformed: [schema: object, problem: string][] = [
    [{ type: 'integer', minimum: '1' }, '….minimum: must be a number'],
    [{ type: 'string', maxLength: -1 }, '….maxLength: must be a whole number of 0 or more'],
    [{ type: 'object', required: 'a' }, '….required: must be a list of text'],
    [{ type: 'object', properties: [] }, '….properties: must be an object'],
    [{ type: 'object', 'x-kubernetes-validations': {} }, '….x-kubernetes-validations: must be a list'],
    [{ type: 'string', description: 5 }, '….description: must be text'],
    [{ type: 'string', default: 5 }, '….default: must be of type string'],
    [{ type: 'array', items: [] }, '….items: must be an object'],
    [{ type: 'object', constructor: 1 }, '….constructor: unknown or unsupported keyword'],
  ];
  it.each(malformed)('is refused when it is malformed: %j', (schema, problem) => {
    expect(problems(definition(schema as CustomSchema))).toEqual([problem]);
  });

  it.each(bad)('is refused when it is %j', (schema, problem) => {
    expect(problems(definition(schema))).toEqual([problem]);
  });
});

describe('a rule', () => {
  const schema = (rule: object): CustomSchema => ({
    type: 'object',
    properties: { a: { type: 'integer' }, 'b-c': { type: 'string' } },
    'x-kubernetes-validations': [rule as never],
  });
  const at = '….x-kubernetes-validations[0]';

  it('may use the fields of its place, their escaped names, and what was before', () => {
    const rule = "self.a > 0 && self.b__dash__c.matches('^x') && (!has(oldSelf.a) || oldSelf.a <= self.a)";
    expect(problems(definition(schema({ rule })))).toEqual([]);
  });

  const bad: [rule: object, problem: string][] = [
    [{ rule: 'self.a >' }, `${at}.rule: compilation failed: Unexpected token: EOF`],
    [{ rule: 'self.nope > 1' }, `${at}.rule: compilation failed: undefined field 'nope'`],
    [{ rule: "size(self.a) + 'x'" }, `${at}.rule: compilation failed: no such overload: int + string`],
    [{ rule: 'self.a + 1' }, `${at}.rule: compilation failed: must give a bool, not a int`],
    [{ rule: 'other == 1' }, `${at}.rule: compilation failed: Unknown variable: other`],
    [{ rule: '' }, `${at}.rule: must be a CEL expression`],
    [
      { rule: 'true', messageExpression: 'self.a + 1' },
      `${at}.messageExpression: compilation failed: must give a string, not a int`,
    ],
    [
      { rule: 'true', reason: 'Whatever' },
      `${at}.reason: must be one of FieldValueInvalid, FieldValueForbidden, FieldValueRequired, FieldValueDuplicate`,
    ],
    [
      { rule: 'true', fieldPath: '.a[0]' },
      `${at}.fieldPath: must be a path of names, such as .spec.replicas`,
    ],
  ];
  it.each(bad)('is refused when it is %j', (rule, problem) => {
    expect(problems(definition(schema(rule)))).toEqual([problem]);
  });
});

describe('a definition', () => {
  const spec: CustomSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  type Change = (given: CustomResourceDefinition) => void;
  const bad: [problem: string, change: Change][] = [
    [
      'metadata.name: must be spec.names.plural+"."+spec.group, that is "things.example.com"',
      (d) => void (d.metadata.name = 'x'),
    ],
    [
      'spec.group: should be a domain with at least one dot',
      (d) => void Object.assign(d, { metadata: { name: 'things.core' }, spec: { ...d.spec, group: 'core' } }),
    ],
    [
      'metadata.annotations[api-approved.kubernetes.io]: protected groups must have approval annotation api-approved.kubernetes.io',
      (d) =>
        void Object.assign(d, {
          metadata: { name: 'things.x.k8s.io' },
          spec: { ...d.spec, group: 'x.k8s.io' },
        }),
    ],
    [
      'spec.versions: must have exactly one version marked as storage version, has 0',
      (d) => void (d.spec.versions[0]!.storage = false),
    ],
    [
      'spec.versions[1].name: Duplicate value: "v1"',
      (d) => void d.spec.versions.push({ ...d.spec.versions[0]!, storage: false }),
    ],
    [
      'spec.conversion.strategy: conversion webhooks are not supported: use None, and give all versions the same fields',
      (d) => void (d.spec.conversion = { strategy: 'Webhook' }),
    ],
    ['spec.names.listKind: must be ThingList', (d) => void (d.spec.names.listKind = 'Things')],
    [
      'spec.versions[0].additionalPrinterColumns[0].jsonPath: must be a path such as .spec.replicas',
      (d) =>
        void (d.spec.versions[0]!.additionalPrinterColumns = [
          { name: 'X', type: 'string', jsonPath: 'spec..x' },
        ]),
    ],
    [
      'spec.versions[0].selectableFields[0].jsonPath: must not be under .metadata',
      (d) => void (d.spec.versions[0]!.selectableFields = [{ jsonPath: '.metadata.name' }]),
    ],
    [
      'spec.versions[0].subresources.scale.specReplicasPath: should be a path under .spec',
      (d) =>
        void (d.spec.versions[0]!.subresources = {
          scale: { specReplicasPath: '.a.b', statusReplicasPath: '.status.b' },
        }),
    ],
  ];
  it.each(bad)('is refused with %s', (problem, change) => {
    const given = definition(spec);
    change(given);
    expect(problems(given)).toEqual([problem]);
  });
});
