import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnyObject } from '../../../../api/meta/object-meta.ts';
import { decideApply, mergeInto, settleOwners } from '../../../../api/server/apply/apply.ts';
import { changedFields, fieldsOf, fieldsWithin } from '../../../../api/server/apply/extract.ts';
import { difference, intersection, pathsOf } from '../../../../api/server/apply/field-set.ts';
import { decodeOwnerships, encodeOwnerships } from '../../../../api/server/apply/managed-fields.ts';
import { wholeView } from '../../../../api/server/apply/tracked-view.ts';
import { sameJson } from '../../../../api/server/object-bytes.ts';
import { schema } from './schema.ts';

type Configuration = Record<string, unknown>;

/** As the server does it, without defaults: apply, then write the owners down. */
function apply(
  live: AnyObject,
  manager: string,
  configuration: Configuration,
  { force = true, at = 1 } = {},
): AnyObject {
  const time = `2026-01-01T00:00:0${at}Z`;
  const who = { manager, operation: 'Apply', apiVersion: 'v1' } as const;
  const applied = decideApply(schema, live, {
    merged: mergeInto(schema, live, configuration),
    fields: fieldsOf(schema, configuration),
    manager: who,
    force,
    time,
  });
  const entries = encodeOwnerships(
    settleOwners(schema, { owners: applied.owners, old: live, next: applied.object }, time),
  );
  const { managedFields: _managedFields, ...metadata } = applied.object.metadata;
  return { ...applied.object, metadata: { ...metadata, ...(entries ? { managedFields: entries } : {}) } };
}

const empty: AnyObject = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'x' } };

const word = fc.constantFrom('a', 'b', 'c');
const container = fc.record(
  {
    name: word,
    image: word,
    ports: fc.uniqueArray(
      fc.record({ port: fc.integer({ min: 1, max: 3 }), name: word }, { requiredKeys: ['port'] }),
      {
        selector: ({ port }) => port,
        maxLength: 3,
      },
    ),
  },
  { requiredKeys: ['name'] },
);
const configurations: fc.Arbitrary<Configuration> = fc.record(
  {
    metadata: fc.record(
      { labels: fc.dictionary(word, word), finalizers: fc.uniqueArray(word) },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      {
        replicas: fc.integer({ min: 0, max: 3 }),
        update: fc.record(
          { surge: fc.integer({ max: 2 }), wait: fc.integer({ max: 2 }) },
          { requiredKeys: [] },
        ),
        command: fc.array(word, { maxLength: 2 }),
        selector: fc.dictionary(word, word),
        anything: fc.dictionary(word, fc.oneof(word, fc.dictionary(word, word), fc.array(word))),
        containers: fc.uniqueArray(container, { selector: ({ name }) => name, maxLength: 3 }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const steps = fc.array(fc.tuple(fc.constantFrom('ann', 'bob', 'eve'), configurations), { maxLength: 6 });

const afterSteps = (list: readonly (readonly [string, Configuration])[]): AnyObject =>
  list.reduce((live, [manager, configuration], at) => apply(live, manager, configuration, { at }), empty);

/** Lists that are merged by key have no order of their own between managers. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(sorted).sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, sorted(member)]));
}

describe('whoever applies whatever', () => {
  const holds = (name: string, property: (live: AnyObject, configuration: Configuration) => void): void => {
    test(name, () => {
      fc.assert(
        fc.property(steps, configurations, (before, configuration) =>
          property(afterSteps(before), configuration),
        ),
        { numRuns: 400 },
      );
    });
  };

  holds('applying twice changes nothing, not even the time', (live, configuration) => {
    const once = apply(live, 'ann', configuration, { at: 8 });
    expect(sameJson(apply(once, 'ann', configuration, { at: 9 }), once)).toBe(true);
    expect(sameJson(apply(once, 'ann', configuration, { at: 9, force: false }), once)).toBe(true);
  });

  holds('everything that is owned is there', (live, configuration) => {
    const object = apply(live, 'ann', configuration);
    for (const { fields } of decodeOwnerships(object.metadata.managedFields))
      expect(difference(fields, fieldsWithin(schema, fields, wholeView(object)))).toEqual({});
  });

  holds('everything that was applied is there, with its value', (live, configuration) => {
    const object = apply(live, 'ann', configuration);
    expect(sameJson(mergeInto(schema, object, configuration), object)).toBe(true);
  });

  holds('giving everything up leaves what others own', (live, configuration) => {
    const object = apply(live, 'ann', configuration);
    const others = decodeOwnerships(object.metadata.managedFields).filter(({ manager }) => manager !== 'ann');
    const without = apply(object, 'ann', {});
    const gone = changedFields(schema, wholeView(without), wholeView(object));
    for (const { fields } of others) {
      const inside = fieldsWithin(schema, fields, wholeView(without));
      expect(pathsOf(difference(fields, inside))).toEqual([]);
      // A container somebody owns may lose members; values may not change.
      expect(
        pathsOf(intersection(fields, gone)).filter((path) => /\.(replicas|image|surge|wait)$/.test(path)),
      ).toEqual([]);
    }
  });

  test('the order of independent managers does not matter', () => {
    fc.assert(
      fc.property(configurations, configurations, (one, other) => {
        const independent = Object.keys(intersection(fieldsOf(schema, one), fieldsOf(schema, other)));
        fc.pre(independent.length === 0);
        const first = apply(apply(empty, 'ann', one), 'bob', other, { force: false });
        const second = apply(apply(empty, 'bob', other), 'ann', one, { force: false });
        expect(sorted(first)).toEqual(sorted(second));
      }),
      { numRuns: 400 },
    );
  });
});
