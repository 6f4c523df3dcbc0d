import { describe, expect, test } from 'vitest';
import { matchesFields, parseFieldSelector } from '../../../api/meta/field-selector.ts';
import { reasonOf } from '../../reason-of.ts';

const supported = new Set(['metadata.name', 'spec.nodeName', 'status.phase']);
const fields: Record<string, string | undefined> = { 'metadata.name': 'web-0-0', 'status.phase': 'Running' };
const matches = (text: string): boolean =>
  matchesFields(parseFieldSelector(text, supported), (field) => fields[field]);

describe('a field selector', () => {
  test.each<[string, boolean]>([
    ['', true],
    ['metadata.name=web-0-0', true],
    ['metadata.name==web-0-0', true],
    ['metadata.name!=web-0-0', false],
    ['status.phase!=Succeeded,status.phase!=Failed', true],
    ['status.phase=Running, metadata.name=web-0-0', true],
    ['spec.nodeName=', true],
    ['spec.nodeName!=', false],
    ['spec.nodeName=n1', false],
    ['metadata.name=a=b', false],
  ])('%j is %s', (text, expected) => {
    expect(matches(text)).toBe(expected);
  });

  test.each([
    'metadata.name',
    '=x',
    '!=x',
    ',',
    'metadata.name=a,',
    'spec.x=1',
    '__proto__=x',
    'metadata.name~a',
    Array(65).fill('metadata.name=a').join(','),
  ])('%j is refused', (text) => {
    expect(reasonOf(() => parseFieldSelector(text, supported)).reason).toBe('BadRequest');
  });

  test('on a field nobody indexes names those that are', () => {
    const { message } = reasonOf(() => parseFieldSelector('spec.x=1', supported));
    expect(message).toBe(
      'field label not supported: "spec.x"; supported are metadata.name, spec.nodeName, status.phase',
    );
  });
});
