import { expect, test } from 'vitest';
import { validateTaskNames } from '../../../api/kinds/task-names.ts';

type Names = Parameters<typeof validateTaskNames>[0];
const fieldsOf = (spec: Names): string[] => validateTaskNames(spec, 'spec').map(({ field }) => field);

test('names and addresses that the files of a task may have are let in', () => {
  expect(
    fieldsOf({
      hostname: 'web-0',
      subdomain: 'web',
      hostAliases: [{ ip: '::1', hostnames: ['db.example.org'] }, { ip: '10.0.0.1' }],
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['10.0.0.2'],
        searches: ['.', '_tcp.example.org', 'example.org.'],
        options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
      },
    }),
  ).toEqual([]);
});

test.each<[string, Names, string]>([
  ['a host name with a line break', { hostname: 'a\nb' }, 'spec.hostname'],
  ['a subdomain of several labels', { subdomain: 'a.b' }, 'spec.subdomain'],
  ['an alias of no address', { hostAliases: [{ ip: 'a' }] }, 'spec.hostAliases[0].ip'],
  [
    'an alias with a blank',
    { hostAliases: [{ ip: '10.0.0.1', hostnames: ['a', 'b c'] }] },
    'spec.hostAliases[0].hostnames[1]',
  ],
  ['nobody to ask', { dnsPolicy: 'None' }, 'spec.dnsConfig.nameservers'],
  ['a name server by name', { dnsConfig: { nameservers: ['dns'] } }, 'spec.dnsConfig.nameservers[0]'],
  ['a search domain with a blank', { dnsConfig: { searches: ['a b'] } }, 'spec.dnsConfig.searches[0]'],
  ['33 search domains', { dnsConfig: { searches: Array(33).fill('a') } }, 'spec.dnsConfig.searches'],
  [
    'an option with a line break',
    { dnsConfig: { options: [{ name: 'a\nb' }] } },
    'spec.dnsConfig.options[0].name',
  ],
  [
    'the value of an option with a line break',
    { dnsConfig: { options: [{ name: 'a', value: 'b\nnameserver 10.0.0.1' }] } },
    'spec.dnsConfig.options[0].value',
  ],
])('%s is refused at its field', (_name, spec, field) => {
  expect(fieldsOf(spec)).toEqual([field]);
});
