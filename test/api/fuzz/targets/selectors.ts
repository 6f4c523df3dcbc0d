/** Label and field selectors: any text is a selector or a refusal, and a selector written out again says the same. */
import { matchesFields, parseFieldSelector } from '../../../../api/meta/field-selector.ts';
import {
  type Labels,
  matchesLabels,
  parseLabelSelector,
  type Requirement,
} from '../../../../api/meta/label-selector.ts';
import { requireSame, type Target } from '../fuzzer.ts';

const labelSets: readonly Labels[] = [
  {},
  { a: 'b' },
  { app: 'web', tier: 'a' },
  { 'example.com/x': '', n: '7' },
];

export const labelSelector: Target = {
  name: 'label-selector',
  words: [
    'a',
    'app',
    '=',
    '==',
    '!=',
    '!',
    ' in ',
    ' notin ',
    '(',
    ')',
    ',',
    'example.com/x',
    '>',
    '<',
    '7',
    ' ',
    'in',
    '=,',
  ],
  check(input) {
    const requirements = parseLabelSelector(input);
    const written = requirements.map(textOf).join(',');
    requireSame(`${JSON.stringify(written)} read again`, parseLabelSelector(written), requirements);
    for (const labels of labelSets) matchesLabels(requirements, labels);
  },
};

function textOf({ key, operator, values = [] }: Requirement): string {
  switch (operator) {
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    case 'Gt':
      return `${key}>${values[0]}`;
    case 'Lt':
      return `${key}<${values[0]}`;
    default:
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  }
}

const supported = new Set(['metadata.name', 'metadata.namespace', 'spec.nodeName']);

export const fieldSelector: Target = {
  name: 'field-selector',
  words: [...supported, '=', '==', '!=', ',', 'a', '!', ' ', 'status.phase', '__proto__'],
  check(input) {
    const requirements = parseFieldSelector(input, supported);
    const written = requirements
      .map(({ field, value, equal }) => `${field}${equal ? '=' : '!='}${value}`)
      .join(',');
    // A value may begin with `=`: written with one sign it would be read as another operator.
    if (!requirements.some(({ value }) => value.startsWith('=')))
      requireSame(
        `${JSON.stringify(written)} read again`,
        parseFieldSelector(written, supported),
        requirements,
      );
    matchesFields(requirements, () => 'a');
  },
};
