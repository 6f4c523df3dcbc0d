/** A real API server behind real TLS, in this process, with the certificates to talk to it. */
import https from 'node:https';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import type { ListenOptions } from '../../../../api/server/listener.ts';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../../../api/server/pki.ts';
import { TestServer } from '../test-server.ts';
import { jobs, type Sent } from './rows/row.ts';

export interface Answered {
  status: number;
  reason: string | undefined;
  message: string;
}

export class WireServer {
  readonly inside: TestServer;
  readonly authority: KeyPair;
  readonly admin: KeyPair;
  readonly port: number;
  readonly #agent: https.Agent;

  private constructor(
    inside: TestServer,
    authority: KeyPair,
    { admin, port }: { admin: KeyPair; port: number },
  ) {
    this.inside = inside;
    this.authority = authority;
    this.admin = admin;
    this.port = port;
    this.#agent = new https.Agent({
      ca: authority.certPem,
      cert: admin.certPem,
      key: admin.keyPem,
      keepAlive: true,
    });
  }

  static async start(options: Partial<ListenOptions> = {}): Promise<WireServer> {
    const authority = await createCertificateAuthority();
    const [serving, admin] = await Promise.all([
      issueCertificate(authority, { commonName: 's', hosts: ['127.0.0.1'], usage: 'server', days: 1 }),
      issueCertificate(authority, {
        commonName: 'gantry-admin',
        organizations: ['system:masters'],
        usage: 'client',
        days: 1,
      }),
    ]);
    const inside = await TestServer.start();
    const { port } = await inside.server.listen({
      addresses: ['127.0.0.1'],
      port: 0,
      tls: { cert: serving.certPem, key: serving.keyPem, clientCa: authority.certPem },
      ...options,
    });
    return new WireServer(inside, authority, { admin, port });
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await this.inside.close();
  }

  async send({ method = 'POST', path = jobs, body, headers, anonymous }: Sent): Promise<Answered> {
    const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      const request = https.request(
        {
          host: '127.0.0.1',
          port: this.port,
          method,
          path,
          headers: {
            'content-type': 'application/json',
            ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
            ...headers,
          },
          ...(anonymous ? { ca: this.authority.certPem, agent: false } : { agent: this.#agent }),
        },
        resolve,
      );
      request.on('error', reject);
      request.end(body);
    });
    const content = await text(response);
    const json = content.startsWith('{') ? JSON.parse(content) : {};
    return { status: response.statusCode ?? 0, reason: json.reason, message: json.message ?? content };
  }

  /** A connection as the admin, for bytes that need not be a request. */
  connect(options: tls.ConnectionOptions = {}): tls.TLSSocket {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: this.port,
      ca: this.authority.certPem,
      cert: this.admin.certPem,
      key: this.admin.keyPem,
      ...options,
    });
    // Being cut off is an answer here.
    socket.on('error', () => {});
    return socket;
  }

  /** Everything the server says to these bytes until it closes the connection. */
  async answerTo(bytes: string): Promise<string> {
    const socket = this.connect();
    socket.write(bytes);
    return text(socket).catch(() => '');
  }
}
