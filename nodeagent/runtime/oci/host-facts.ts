/** Reads what this host and this agent's own privileges allow containers to have. */
import { access, readFile } from 'node:fs/promises';
import { capabilityNames } from '../../../api/kinds/capabilities.ts';
import { type HostFacts, hostMounts } from './config-json.ts';

const capSysResource = 24n;

export async function readHostFacts(): Promise<HostFacts> {
  const [limits, status, score, paths] = await Promise.all([
    readFile('/proc/self/limits', 'utf8'),
    readFile('/proc/self/status', 'utf8'),
    readFile('/proc/self/oom_score_adj', 'utf8'),
    Promise.all(hostMounts.map(existing)),
  ]);
  const openFiles = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  const capabilities = BigInt(`0x${/^CapEff:\s*(\S+)/m.exec(status)?.[1] ?? '0'}`);
  const mayLowerScore = (capabilities >> capSysResource) & 1n;
  return {
    maxOpenFiles: openFiles === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(openFiles),
    minOomScoreAdj: mayLowerScore ? -1000 : Number(score),
    capabilities: capabilityNames
      .filter((_name, bit) => (capabilities >> BigInt(bit)) & 1n)
      .map((name) => `CAP_${name}`),
    architecture: process.arch,
    hostPaths: paths.filter((path) => path !== undefined),
  };
}

function existing(path: string): Promise<string | undefined> {
  return access(path).then(
    () => path,
    () => undefined,
  );
}
