/**
 * The operators' word on registries, one YAML file per node in the form that k3s made known:
 *
 *   mirrors:  {"docker.io": {endpoint: ["https://127.0.0.1:5000"]}}       asked first, in their order; "*" for all
 *   configs:  {"127.0.0.1:5000": {tls: {ca_file: /etc/…/ca.crt, insecure_skip_verify: false}}}
 */
import { readFile } from 'node:fs/promises';
import { ApiError } from '../../api/meta/api-error.ts';

export interface Endpoint {
  /** `host[:port]`. */
  host: string;
  /** Certificates trusted for it alone, beside the system's. */
  caFile?: string;
  /** False: neither HTTPS nor certificates are insisted on. */
  verify: boolean;
}

export interface Registries {
  mirrors: Record<string, { endpoint: string[] }>;
  configs: Record<string, { tls?: { ca_file?: string; insecure_skip_verify?: boolean } }>;
}

export const noRegistries: Registries = { mirrors: {}, configs: {} };

/** Throws ApiError BadRequest when the file is there and wrong. */
export async function readRegistries(file: string | undefined): Promise<Registries> {
  if (file === undefined) return noRegistries;
  const { parse } = await import('yaml');
  try {
    return registriesOf(parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new ApiError('BadRequest', `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** `content`: what the YAML says. Throws ApiError BadRequest naming the place. */
export function registriesOf(content: unknown): Registries {
  const document = asRecord(content ?? {}, 'the file');
  const mirrors = Object.entries(asRecord(document['mirrors'] ?? {}, 'mirrors')).map(([name, mirror]) => {
    const endpoint = asRecord(mirror, `mirrors[${name}]`)['endpoint'];
    if (!Array.isArray(endpoint) || !endpoint.every((each) => typeof each === 'string' && isEndpoint(each)))
      throw wrong(`mirrors[${name}].endpoint`, 'a list of addresses such as https://127.0.0.1:5000');
    return [name, { endpoint: endpoint as string[] }] as const;
  });
  const configs = Object.entries(asRecord(document['configs'] ?? {}, 'configs')).map(([name, config]) => {
    const tls = asRecord(asRecord(config, `configs[${name}]`)['tls'] ?? {}, `configs[${name}].tls`);
    const { ca_file: caFile, insecure_skip_verify: insecure } = tls;
    if (caFile !== undefined && typeof caFile !== 'string')
      throw wrong(`configs[${name}].tls.ca_file`, 'a path');
    if (insecure !== undefined && typeof insecure !== 'boolean')
      throw wrong(`configs[${name}].tls.insecure_skip_verify`, 'true or false');
    const known = {
      ...(caFile === undefined ? {} : { ca_file: caFile }),
      insecure_skip_verify: insecure ?? false,
    };
    return [name, { tls: known }] as const;
  });
  return { mirrors: Object.fromEntries(mirrors), configs: Object.fromEntries(configs) };
}

/** Where to ask for the images of a registry: its mirrors, then itself. */
export function endpointsOf({ mirrors, configs }: Registries, registry: string): Endpoint[] {
  const named = (mirrors[registry] ?? mirrors['*'])?.endpoint ?? [];
  const hosts = [...named.map(hostOf), registry];
  return [...new Set(hosts)].map((host) => {
    const tls = configs[host]?.tls;
    return {
      host,
      ...(tls?.ca_file === undefined ? {} : { caFile: tls.ca_file }),
      verify: !tls?.insecure_skip_verify,
    };
  });
}

function isEndpoint(text: string): boolean {
  return /^(https?:\/\/)?[a-zA-Z0-9][a-zA-Z0-9.-]*(:\d{1,5})?\/?$/.test(text);
}

function hostOf(endpoint: string): string {
  return endpoint.replace(/^https?:\/\//, '').replace(/\/$/, '');
}

function asRecord(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw wrong(where, 'a map');
}

function wrong(where: string, wanted: string): ApiError {
  return new ApiError('BadRequest', `registries: ${where} must be ${wanted}`);
}
