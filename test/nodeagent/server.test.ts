import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../api/meta/logger.ts';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../api/server/pki.ts';
import { AgentServer } from '../../nodeagent/server.ts';
import { record, task, testUid } from '../kit/nodeagent-objects.ts';

interface Answer {
  status: number;
  text: string;
}

describe("the agent's server", () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-agent-server-'));
  const identities = new Map<string, Partial<KeyPair>>([['nobody', {}]]);
  let ca = '';
  let port = 0;
  let server: AgentServer;

  beforeAll(async () => {
    const authority = await createCertificateAuthority();
    const stranger = await createCertificateAuthority();
    ca = authority.certPem;
    const issue = (by: KeyPair, commonName: string, organizations: string[] = []) =>
      issueCertificate(by, { commonName, organizations, hosts: ['127.0.0.1'], usage: 'both', days: 1 });
    const node = await issue(authority, 'system:node:n1', ['system:nodes']);
    identities.set('node', node);
    identities.set('apiserver', await issue(authority, 'system:gantry-apiserver'));
    identities.set('admin', await issue(authority, 'gantry-admin', ['system:masters']));
    identities.set('forged', await issue(stranger, 'system:gantry-apiserver'));
    const log = join(directory, testUid, 'main');
    mkdirSync(log, { recursive: true });
    writeFileSync(join(log, '1.log'), '2030-01-01T00:00:01Z stdout F now\n');
    writeFileSync(join(log, '0.log'), '2030-01-01T00:00:00Z stdout F before\n');
    server = new AgentServer({
      tls: { ca, cert: node.certPem, key: node.keyPem },
      runtime: { logRotation: 'reopen' },
      records: () => [record(task(), {}, { starts: 2, restartCount: 1 })],
      logDirectory: directory,
      images: {
        answer: async (route, { response }) => void response.end(JSON.stringify({ route })),
      },
      blobs: { send: async (digest, response) => void response.end(digest) },
      stats: {
        summary: async () => ({ node: { nodeName: 'n1' } }),
        resourceMetrics: async () => 'resource_scrape_error 1\n',
      },
      logger: silentLogger,
    });
    port = await server.listen('127.0.0.1', 0);
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  function call(path: string, as = 'apiserver', method = 'GET'): Promise<Answer> {
    const { certPem: cert, keyPem: key } = identities.get(as) ?? {};
    const options: RequestOptions = { host: '127.0.0.1', port, path, method, ca, agent: false };
    return new Promise((resolve, reject) => {
      const outgoing = request({ ...options, ...(cert ? { cert, key } : {}) }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on('error', reject);
      });
      outgoing.on('error', reject).end();
    });
  }

  it.each(['apiserver', 'admin'])('serves the %s', async (who) => {
    expect(await call('/healthz', who)).toEqual({ status: 200, text: 'ok' });
  });

  it('forbids other identities of the same cluster, nodes too', async () => {
    expect((await call('/healthz', 'node')).status).toBe(403);
  });

  const blob = `/blobs/sha256:${'a'.repeat(64)}`;

  it('gives a node blobs by their digest', async () => {
    expect(await call(blob, 'node')).toEqual({ status: 200, text: blob.slice('/blobs/'.length) });
  });

  it.each([
    ['another verb', blob, 'POST'],
    ['another path', '/images', 'GET'],
    ['no digest', '/blobs/latest', 'GET'],
    ['a path that climbs', '/blobs/../images', 'GET'],
    ['one that climbs another way', '/blobs/..\\images', 'GET'],
    ['one that climbs in disguise', '/blobs/%2e%2e/images', 'GET'],
    ['more than the digest', `${blob}/../../images`, 'GET'],
    ['a query', `${blob}?reference=x`, 'GET'],
  ])('gives a node nothing else: not %s', async (_what, path, method) => {
    expect((await call(path, 'node', method)).status).toBe(403);
  });

  it.each(['nobody', 'forged'])('does not even listen to %s', async (who) => {
    await expect(call('/healthz', who)).rejects.toThrow();
  });

  it('gives the log of the present start, and of the previous one', async () => {
    const path = `/logs/default/web-0-0/main?uid=${testUid}`;
    expect(await call(path)).toEqual({ status: 200, text: 'now\n' });
    expect((await call(`${path}&previous=true`)).text).toBe('before\n');
    expect((await call(`${path}&timestamps=true&tailLines=1`)).text).toBe('2030-01-01T00:00:01Z now\n');
  });

  it.each([
    ['a task that is not here', '/logs/default/gone/main', 404, /not on this node/],
    ['an earlier task of that name', '/logs/default/web-0-0/main?uid=other', 404, /not on this node/],
    ['a container it does not have', '/logs/default/web-0-0/side', 404, /no container side/],
    ['a path that climbs', '/logs/default/web-0-0/..%2F..%2Fetc', 404, /no container/],
    ['a number that is none', '/logs/default/web-0-0/main?tailLines=-1', 400, /tailLines/],
    [
      'two beginnings',
      '/logs/default/web-0-0/main?sinceSeconds=1&sinceTime=2030-01-01T00:00:00Z',
      400,
      /only one/,
    ],
    ['no path of ours', '/exec', 404, /no such path/],
    ['a broken escape', '/logs/%E0%A4%A/x/y', 400, /path/],
  ])('answers %s with a Status', async (_case, path, status, message) => {
    const answer = await call(path);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ kind: 'Status', status: 'Failure', code: status });
    expect(JSON.parse(answer.text).message).toMatch(message);
  });

  it('counts what runs', async () => {
    expect((await call('/metrics')).text).toMatch(/gantry_agent_tasks 1\n/);
  });

  it('tells what is used, to those it serves alone', async () => {
    expect(JSON.parse((await call('/stats/summary')).text)).toEqual({ node: { nodeName: 'n1' } });
    expect((await call('/metrics/resource')).text).toBe('resource_scrape_error 1\n');
    expect((await call('/stats/summary', 'node')).status).toBe(403);
    expect((await call('/metrics/resource', 'node')).status).toBe(403);
  });
});
