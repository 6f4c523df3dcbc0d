/** The API server as a process: flags, files, signals. Everything else is server.ts. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { pino } from 'pino';
import { builtinKinds } from '../kinds/registry.ts';
import { systemClock } from '../meta/clock.ts';
import { openStore } from '../store/open-store.ts';
import { createAgentClient } from './agent-client.ts';
import { type AuditLog, fileAuditLog } from './audit.ts';
import { createAuthenticator, loadTokenTable } from './authenticate.ts';
import { createApiServer, defaultServiceCidr } from './server.ts';
import type { TokenKeys } from './service-account-tokens.ts';

interface Flags {
  store: string;
  bind: string[];
  port: string;
  pkiDir: string;
  tokenFile?: string;
  auditLog?: string;
  auditLogMaxsize: string;
  auditLogMaxbackup: string;
  serviceCidr: string;
}

const append = (value: string, previous: string[]): string[] => [...previous, value];

const flags = new Command('gantry-apiserver')
  .requiredOption('--store <url>', 'memory, embedded:<dir> or etcd://host:port[,host:port…]')
  .option('--bind <ip>', 'address to listen on; may be repeated (default 127.0.0.1)', append, [])
  .option('--port <n>', 'port to listen on; 0 takes any free one', '6443')
  .requiredOption(
    '--pki-dir <dir>',
    'ca.crt, apiserver.crt/.key, apiserver-client.crt/.key, sa.key[, sa.pub]',
  )
  .option('--token-file <file>', 'bearer tokens, hashed')
  .option('--audit-log <file>', 'where to write who changed what')
  .option('--audit-log-maxsize <MiB>', 'size at which the audit log is put aside', '16')
  .option('--audit-log-maxbackup <n>', 'audit logs kept beside the one that is written', '3')
  .option('--service-cidr <range>', 'addresses of services are allotted from it', defaultServiceCidr)
  .parse()
  .opts<Flags>();

const logger = pino({ name: 'apiserver' });
const pki = (file: string): Promise<string> => readFile(join(flags.pkiDir, file), 'utf8');

async function main(): Promise<void> {
  const [clientCa, cert, key, agentCert, agentKey] = await Promise.all([
    pki('ca.crt'),
    pki('apiserver.crt'),
    pki('apiserver.key'),
    pki('apiserver-client.crt'),
    pki('apiserver-client.key'),
  ]);
  const store = await openStore(flags.store, { clock: systemClock, logger });
  const nodeClient = createAgentClient({ cert: agentCert, key: agentKey, ca: clientCa });
  const server = createApiServer({
    store,
    kinds: builtinKinds,
    batchWrites: flags.store.startsWith('etcd://'),
    logger,
    nodeClient,
    serviceCidr: flags.serviceCidr,
    tokenKeys: await readTokenKeys(),
    authenticator: createAuthenticator(
      flags.tokenFile ? { tokens: await loadTokenTable(flags.tokenFile) } : {},
    ),
    ...auditLog(),
  });
  await server.start();
  const { port } = await server.listen({
    addresses: flags.bind.length > 0 ? flags.bind : ['127.0.0.1'],
    port: Number(flags.port),
    tls: { cert, key, clientCa },
  });
  logger.info({ port, store: flags.store }, 'listening');
  stopOnSignal(async () => {
    await server.close();
    nodeClient.close();
    await store.close();
  });
}

/** sa.pub has the public keys of former sa.keys, so that their tokens stay good. */
async function readTokenKeys(): Promise<TokenKeys> {
  const former = existsSync(join(flags.pkiDir, 'sa.pub')) ? { former: await pki('sa.pub') } : {};
  return { signing: await pki('sa.key'), ...former };
}

function auditLog(): { audit?: AuditLog } {
  if (!flags.auditLog) return {};
  return {
    audit: fileAuditLog(flags.auditLog, {
      maxBytes: atLeastOne('--audit-log-maxsize', flags.auditLogMaxsize) * 1024 * 1024,
      backups: atLeastOne('--audit-log-maxbackup', flags.auditLogMaxbackup),
      onError: (error) => logger.error({ err: error }, 'the audit log cannot be written'),
    }),
  };
}

function atLeastOne(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new RangeError(`${flag} must be a whole number from 1 on`);
  return number;
}

function stopOnSignal(stop: () => Promise<void>): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping');
      stop().then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'could not stop cleanly');
          process.exit(1);
        },
      );
    });
  }
}

main().catch((error: unknown) => {
  logger.error({ err: error }, 'could not start');
  process.exit(1);
});
