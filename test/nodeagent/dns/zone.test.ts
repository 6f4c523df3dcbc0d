import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../api/meta/random.ts';
import { answerFromZone, type ZoneAnswer } from '../../../nodeagent/dns/zone.ts';
import { namesOf, service, slice } from './names.ts';

const endpoints = [
  { addresses: ['10.0.0.1'], hostname: 'web-0' },
  { addresses: ['10.0.0.2'], hostname: 'web-1' },
  { addresses: ['10.0.0.3'], conditions: { ready: false } },
];
const names = namesOf(
  [
    service('web', { clusterIP: '10.96.0.7' }),
    service('headless', { clusterIP: 'None' }),
    service('far', { type: 'ExternalName', externalName: 'db.example.org' }),
  ],
  { web: [slice(endpoints)], headless: [slice(endpoints)] },
  { job: [slice([{ addresses: ['10.0.0.9'], hostname: '0' }], 20001)] },
);

function ask(type: string, name: string, hasVirtualIps = true, known = names): ZoneAnswer | undefined {
  const options = { names: known, zones: ['dev', 'cluster.local'], hasVirtualIps: () => hasVirtualIps };
  return answerFromZone({ ...options, random: seededRandom(1) }, { type, name });
}

function data(answer: ZoneAnswer | undefined): unknown[] {
  return (answer?.answers ?? []).map((record) => ('data' in record ? record.data : undefined)).sort();
}

describe('the name of a service', () => {
  test.each(['web.default.svc.dev', 'WEB.Default.svc.DEV.', 'web.default.svc.cluster.local'])(
    'leads to its address: %s',
    (name) => {
      const answer = ask('A', name);
      expect(data(answer)).toEqual(['10.96.0.7']);
      // As it was asked: resolvers compare.
      expect(answer?.answers[0]?.name).toBe(name);
    },
  );

  test('leads to the ready endpoints of a headless one, and where addresses of services lead nowhere', () => {
    expect(data(ask('A', 'headless.default.svc.dev'))).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(data(ask('A', 'web.default.svc.dev', false))).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  test('has a record for every port: of the service, or of each endpoint with its host name', () => {
    expect(ask('SRV', '_http._tcp.web.default.svc.dev')?.answers).toMatchObject([
      { type: 'SRV', data: { port: 80, target: 'web.default.svc.dev' } },
    ]);
    const headless = ask('SRV', '_http._tcp.headless.default.svc.dev');
    const targets = headless?.answers.map((record) => (record.type === 'SRV' ? record.data : undefined));
    expect(new Set(targets)).toEqual(
      new Set(
        [0, 1].map((index) => ({
          priority: 0,
          weight: 100,
          port: 8080,
          target: `web-${index}.headless.default.svc.dev`,
        })),
      ),
    );
    expect(headless?.additionals.map(({ type }) => type)).toEqual(['A', 'A']);
  });

  test('has its endpoints below it, by host name and by address', () => {
    expect(data(ask('A', 'web-1.web.default.svc.dev'))).toEqual(['10.0.0.2']);
    expect(data(ask('A', '10-0-0-1.web.default.svc.dev'))).toEqual(['10.0.0.1']);
    expect(ask('A', 'web-7.web.default.svc.dev')?.code).toBe('NXDOMAIN');
  });

  test('of an alias is that of another', () => {
    expect(ask('A', 'far.default.svc.dev')).toMatchObject({
      answers: [{ type: 'CNAME', data: 'db.example.org' }],
      alias: 'db.example.org',
    });
  });

  test('is found from its address', () => {
    expect(data(ask('PTR', '7.0.96.10.in-addr.arpa'))).toEqual(['web.default.svc.dev']);
    expect(ask('PTR', '1.0.0.10.in-addr.arpa')).toBeUndefined();
  });
});

describe('the name of a task', () => {
  test('is its index in its job; its ports are there too', () => {
    expect(data(ask('A', '0.job.default.task.dev'))).toEqual(['10.0.0.9']);
    expect(data(ask('A', 'job.default.task.dev'))).toEqual(['10.0.0.9']);
    expect(ask('SRV', '_http._tcp.0.job.default.task.dev')?.answers).toMatchObject([
      { data: { port: 20001, target: '0.job.default.task.dev' } },
    ]);
    for (const name of ['1.job.default.task.dev', '0.other.default.task.dev', '0.job.elsewhere.task.dev'])
      expect(ask('A', name)?.code).toBe('NXDOMAIN');
  });
});

describe('no answer', () => {
  test.each([
    ['NXDOMAIN', 'A', 'nobody.default.svc.dev'],
    ['NXDOMAIN', 'A', 'web.elsewhere.svc.dev'],
    ['NXDOMAIN', 'A', 'nonsense.dev'],
    ['NXDOMAIN', 'A', 'a.b.c.web.default.svc.dev'],
    ['NXDOMAIN', 'SRV', '_smtp._tcp.web.default.svc.dev'],
    ['NXDOMAIN', 'SRV', '_http._udp.web.default.svc.dev'],
    ['NOERROR', 'AAAA', 'web.default.svc.dev'],
    ['NOERROR', 'MX', 'web.default.svc.dev'],
    ['NOERROR', 'A', '_http._tcp.web.default.svc.dev'],
    ['NOERROR', 'A', 'default.svc.dev'],
    ['NOERROR', 'A', 'svc.dev'],
    ['NOERROR', 'A', 'dev'],
  ])('is %s to %s %s, and says how long that is so', (code, type, name) => {
    const answer = ask(type, name);
    expect(answer).toMatchObject({ code, answers: [] });
    expect(answer?.authorities).toMatchObject([{ type: 'SOA', data: { minimum: 5 } }]);
  });

  test('is given about names of others', () => {
    for (const name of ['example.org', 'notdev', 'web.default.svc.dev.org', ''])
      expect(ask('A', name)).toBeUndefined();
  });

  test('is a failure, not a denial, while nothing is known', () => {
    expect(ask('A', 'web.default.svc.dev', true, { ...names, isKnown: false })?.code).toBe('SERVFAIL');
  });
});
