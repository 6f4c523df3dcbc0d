/** CEL rules of custom kinds: a rule is refused where it stands, or gives causes for any object within its cost. */
import { ruleCauses, ruleChecker } from '../../../../api/kinds/validation-rules.ts';
import type { Target } from '../fuzzer.ts';

const properties = {
  name: { type: 'string' },
  replicas: { type: 'integer' },
  tags: { type: 'array', items: { type: 'string' } },
  limits: { type: 'object', additionalProperties: { type: 'string' } },
} as const;
const objects = [
  { name: 'web', replicas: 3, tags: ['a', 'b'], limits: { cpu: '1', memory: '1Gi' } },
  { name: '', tags: [], limits: {} },
  {},
];

export const cel: Target = {
  name: 'cel',
  words: [
    ...[
      'self',
      'oldSelf',
      '.name',
      '.replicas',
      '.tags',
      '.limits',
      '.nope',
      '[0]',
      "['cpu']",
      ' == ',
      ' != ',
      ' <= ',
      ' && ',
      ' || ',
      '!',
      ' ? ',
      ' : ',
      ' in ',
    ],
    ...[
      '.all(x, ',
      '.exists(x, ',
      '.map(x, ',
      '.filter(x, ',
      ')',
      '(',
      'x',
      'size(',
      'has(',
      '.matches(',
      "'^a+$'",
      "'(a+)+$'",
      '"',
      '1',
      '1.5',
      '-1',
      '9223372036854775807',
      'true',
      'null',
    ],
    ...[
      '.size()',
      '.startsWith(',
      '.split(',
      ".join('')",
      '.isSorted()',
      '.sum()',
      'duration(',
      'quantity(',
      'cidr(',
      'ip(',
      'url(',
      '.replace(',
      "'1Gi'",
      "'10.0.0.0/8'",
      '.isLessThan(',
      '.getHost()',
      '.containsIP(',
      'timestamp(',
      'int(',
      'string(',
      ' + ',
      ' * ',
      ' / ',
      ' % ',
      '[',
      ']',
      '{',
      '}',
      ',',
      'optional.of(',
      '.?name',
      '.orValue(',
    ],
  ],
  check(rule) {
    const schema = { type: 'object', properties, 'x-kubernetes-validations': [{ rule }] } as Parameters<
      typeof ruleCauses
    >[0];
    if (ruleCauses(schema, '').length > 0) return;
    const check = ruleChecker(schema);
    for (const object of objects) for (const old of [undefined, ...objects]) check?.(object, old);
  },
};
