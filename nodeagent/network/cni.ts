/**
 * CNI plugins (github.com/containernetworking/cni, SPEC 1.0.0): programs that are told in their environment
 * what to do and for whom, take their configuration on standard input, and print a result or an error.
 */
import { join } from 'node:path';
import { ApiError } from '../../api/meta/api-error.ts';
import { toolEnvironment, tryCommand } from '../command.ts';

export const cniVersion = '1.0.0';
/** Where Debian's containernetworking-plugins puts them. */
export const pluginDirectory = '/usr/lib/cni';

export interface CniCall {
  command: 'ADD' | 'DEL' | 'CHECK';
  /** Unique for the life of the attachment. */
  containerId: string;
  /** Path of the network namespace. */
  netns: string;
  interfaceName: string;
}

export type PluginConfig = { type: string } & Readonly<Record<string, unknown>>;

/** As far as it is read here; the rest is handed on as it is. */
export interface CniResult {
  ips?: { address: string; gateway?: string }[];
}

/** Runs one plugin; gives its result (ADD). Throws ApiError ServiceUnavailable with what the plugin said. */
export async function runPlugin(
  call: CniCall,
  config: PluginConfig,
  prevResult?: CniResult,
): Promise<CniResult | undefined> {
  const { command, containerId, netns, interfaceName } = call;
  const { exitCode, stdout, stderr } = await tryCommand(join(pluginDirectory, config.type), [], {
    env: {
      ...toolEnvironment,
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: interfaceName,
      CNI_PATH: pluginDirectory,
    },
    input: JSON.stringify({ cniVersion, name: 'gantry', ...config, ...(prevResult ? { prevResult } : {}) }),
  });
  const answer = parse(stdout);
  if (exitCode === 0) return answer as CniResult | undefined;
  const { msg = '', details = '' } = (answer ?? {}) as { msg?: string; details?: string };
  const said = [msg, details].filter(Boolean).join(': ') || stderr.trim() || `exit ${exitCode}`;
  throw new ApiError('ServiceUnavailable', `CNI plugin ${config.type} ${command}: ${said}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
