import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Node, Task } from '../../api/kinds/resources.ts';
import { measuredAgents } from '../kit/measured-agents.ts';
import { type CommandLine, commandLine } from './command-line.ts';

const uids: string[] = [];
let line: CommandLine;
beforeAll(async () => {
  line = await commandLine({ nodeClient: measuredAgents(async () => uids) });
  const { client } = line.cluster;
  const status = {
    addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    allocatable: { cpu: '1', memory: '128Mi', pods: '10' },
  };
  await client.create(Node, { metadata: { name: 'n1' }, spec: {} });
  await client.patch(Node, { name: 'n1' }, { type: 'merge', body: { status } }, { subresource: 'status' });
  const resources = { requests: { cpu: '200m', memory: '64Mi' }, limits: { memory: '128Mi' } };
  const { metadata } = await client.create(Task, {
    metadata: { namespace: 'default', name: 'web-0-0' },
    spec: { containers: [{ name: 'main', command: ['true'], resources }] },
  });
  const target = { kind: 'Node', name: 'n1' };
  await client.raw('/apis/gantry.dev/v1/namespaces/default/tasks/web-0-0/binding', {
    method: 'POST',
    body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'web-0-0' }, target },
  });
  uids.push(metadata.uid ?? '');
});
afterAll(() => line.stop());

describe('top', () => {
  it('shows nodes against what tasks may have of them', async () => {
    expect((await line.gantry('top nodes')).out).toBe(
      'NAME   CPU(cores)   CPU%   MEMORY(bytes)   MEMORY%\nn1     250m         25%    64Mi            50%\n',
    );
    expect((await line.gantry('top node n1 --no-headers')).out).toMatch(/^n1 /);
  });

  it('shows tasks against their requests and limits', async () => {
    const { out } = await line.gantry('top tasks --sort-by memory');
    expect(out).toMatch(
      /^NAME +CPU\(cores\) +CPU\/REQ +CPU\/LIMIT +MEMORY\(bytes\) +MEMORY\/REQ +MEMORY\/LIMIT\n/,
    );
    expect(out).toMatch(/\nweb-0-0 +100m +50% +- +32Mi +50% +25%\n$/);
    expect((await line.gantry('top tasks --containers -A')).out).toMatch(/\ndefault +web-0-0 +main +100m /);
  });

  it.each([
    ['an order it does not know', 'top nodes --sort-by age', /want cpu or memory/],
    ['a name and a selector', 'top nodes n1 -l a=b', /not both/],
    ['a node that is not there', 'top nodes none', /not found/],
    ['a selection of nothing', 'top tasks -l a=b', /nothing was measured/],
  ])('refuses %s', async (_what, words, message) => {
    const { code, err } = await line.gantry(words);
    expect(code).not.toBe(0);
    expect(err).toMatch(message);
  });
});
