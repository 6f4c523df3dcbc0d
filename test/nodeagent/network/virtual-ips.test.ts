import { expect, test } from 'vitest';
import { virtualIpTable } from '../../../nodeagent/network/virtual-ips.ts';
import { service, slice } from '../dns/names.ts';

const endpoints = [
  { addresses: ['10.0.0.2'], nodeName: 'n2' },
  { addresses: ['10.0.0.1'], nodeName: 'n1' },
  { addresses: ['10.0.0.3'], conditions: { ready: false, serving: false } },
];
const web = { clusterIP: '10.96.0.7' };

function rules(spec: object, slices = [slice(endpoints)]): string[] {
  const text = virtualIpTable({
    services: [service('web', spec)],
    slicesOf: () => slices,
    node: 'n1',
    nodeAddress: '10.0.0.1',
  });
  return text.split('\n').filter((line) => line.includes('10.96.0.7'));
}

test.each<[string, object, string]>([
  [
    'any of the ready endpoints',
    web,
    'dnat ip addr . port to numgen random mod 2 map { 0 : 10.0.0.1 . 8080, 1 : 10.0.0.2 . 8080 }',
  ],
  [
    'always the same for a client, on wish',
    { ...web, sessionAffinity: 'ClientIP' },
    'dnat ip addr . port to jhash ip saddr mod 2 map { 0 : 10.0.0.1 . 8080, 1 : 10.0.0.2 . 8080 }',
  ],
  ['those of the own node, on wish', { ...web, internalTrafficPolicy: 'Local' }, 'dnat to 10.0.0.1:8080'],
])('the address of a service leads to %s', (_name, spec, rule) => {
  expect(rules(spec)).toEqual([`ip daddr 10.96.0.7 tcp dport 80 ${rule}`]);
});

test('without a ready endpoint those that end lead on, and without any it refuses at once', () => {
  const ending = [
    { addresses: ['10.0.0.1'], conditions: { ready: false, serving: true, terminating: true } },
  ];
  expect(rules(web, [slice(ending)])).toEqual(['ip daddr 10.96.0.7 tcp dport 80 dnat to 10.0.0.1:8080']);
  expect(rules(web, [])).toEqual(['ip daddr 10.96.0.7 tcp dport 80 reject with tcp reset']);
});

test('endpoints of one service may have different ports', () => {
  const slices = [slice([{ addresses: ['10.0.0.1'] }], 20001), slice([{ addresses: ['10.0.0.1'] }], 20002)];
  expect(rules(web, slices)[0]).toContain('map { 0 : 10.0.0.1 . 20001, 1 : 10.0.0.1 . 20002 }');
});

test('what has no address has no rule', () => {
  expect(rules({ clusterIP: 'None' })).toEqual([]);
  expect(rules({ type: 'ExternalName', externalName: 'x.example' })).toEqual([]);
});

test('the order in which things are listed changes nothing', () => {
  const services = [service('a', web), service('b', { clusterIP: '10.96.0.8' })];
  const table = (list: typeof services, reversed: boolean): string =>
    virtualIpTable({
      services: list,
      slicesOf: () => [slice(reversed ? [...endpoints].reverse() : endpoints)],
      node: 'n1',
      nodeAddress: '10.0.0.1',
    });
  expect(table(services, false)).toBe(table([...services].reverse(), true));
});

test('a port on the node leads to all endpoints in the name of the node, or to its own alone', () => {
  const spec = {
    ...web,
    type: 'NodePort',
    ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }],
  };
  const rulesOfPort = (more: object, slices = [slice(endpoints)]): string[] => {
    const services = [service('web', { ...spec, ...more })];
    const facts = { node: 'n1', nodeAddress: '192.0.2.1' };
    const text = virtualIpTable({ services, slicesOf: () => slices, ...facts });
    return text.split('\n').filter((line) => line.includes('192.0.2.1 tcp'));
  };
  const match = 'ip daddr 192.0.2.1 tcp dport 30080';
  expect(rulesOfPort({})).toEqual([
    `${match} meta mark set meta mark or 0x4000 dnat ip addr . port to numgen random mod 2 map { 0 : 10.0.0.1 . 8080, 1 : 10.0.0.2 . 8080 }`,
  ]);
  expect(rulesOfPort({ externalTrafficPolicy: 'Local' })).toEqual([`${match} dnat to 10.0.0.1:8080`]);
  expect(rulesOfPort({ externalTrafficPolicy: 'Local' }, [slice([endpoints[0]!])])).toEqual([]);
});
