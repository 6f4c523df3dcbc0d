/** What tasks find in /etc/resolv.conf and /etc/hosts. */
import { describe, expect, it } from 'vitest';
import { hostsFile } from '../../../nodeagent/dns/hosts-file.ts';
import { parseResolvConf, resolvConfText, taskResolvConf } from '../../../nodeagent/dns/resolv-conf.ts';

const node = parseResolvConf('nameserver 192.0.2.1\nsearch example.org\noptions edns0 ndots:1\n');
const resolution = { nameservers: ['10.0.0.1'], zone: 'dev' };
const textOf = (spec: Parameters<typeof taskResolvConf>[0], facts = {}): string =>
  resolvConfText(taskResolvConf(spec, { namespace: 'shop', resolution, node, ...facts }));

describe('resolv.conf', () => {
  it('finds services of the namespace by their bare names, unless it is told otherwise', () => {
    const text =
      'nameserver 10.0.0.1\nsearch shop.svc.dev svc.dev dev example.org\noptions ndots:5 timeout:1 attempts:5\n';
    expect(textOf({})).toBe(text);
    expect(textOf({ dnsPolicy: 'ClusterFirstWithHostNet' })).toBe(text);
  });

  it("is the node's with policy Default, and where nobody answers the cluster's names", () => {
    const text = 'nameserver 192.0.2.1\nsearch example.org\noptions edns0 ndots:1\n';
    expect(textOf({ dnsPolicy: 'Default' })).toBe(text);
    expect(textOf({}, { resolution: undefined })).toBe(text);
  });

  it('has with policy None what the task says and no more', () => {
    const dnsConfig = { nameservers: ['192.0.2.9'], searches: ['a.example'], options: [{ name: 'edns0' }] };
    expect(textOf({ dnsPolicy: 'None', dnsConfig })).toBe(
      'nameserver 192.0.2.9\nsearch a.example\noptions edns0\n',
    );
    expect(textOf({ dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.9'] } })).toBe(
      'nameserver 192.0.2.9\n',
    );
  });

  it('has the words of the task after those of the policy, and its options over them', () => {
    const dnsConfig = {
      nameservers: ['10.0.0.1', '192.0.2.9'],
      searches: ['svc.dev', 'a.example'],
      options: [{ name: 'ndots', value: '2' }, { name: 'rotate' }],
    };
    expect(textOf({ dnsConfig })).toBe(
      'nameserver 10.0.0.1\nnameserver 192.0.2.9\nsearch shop.svc.dev svc.dev dev example.org a.example\noptions timeout:1 attempts:5 ndots:2 rotate\n',
    );
  });
});

describe('/etc/hosts', () => {
  const hostAliases = [{ ip: '192.0.2.7', hostnames: ['db', 'db.example'] }, { ip: '192.0.2.8' }];
  const names = ['web.shop.default.svc.dev', 'web'];

  it('knows the task under its names, and its aliases', () => {
    expect(hostsFile({ address: '10.88.0.2', names, hostAliases }).split('\n')).toEqual(
      expect.arrayContaining([
        '127.0.0.1\tlocalhost',
        '10.88.0.2\tweb.shop.default.svc.dev\tweb',
        '192.0.2.7\tdb\tdb.example',
        '',
      ]),
    );
  });

  it("begins with the node's where the task shares its network", () => {
    expect(
      hostsFile({ address: '10.0.0.1', names: ['web'], nodeHosts: '127.0.0.1 localhost\n10.0.0.9 nas' }),
    ).toBe('127.0.0.1 localhost\n10.0.0.9 nas\n10.0.0.1\tweb\n');
  });
});
