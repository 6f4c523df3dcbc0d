/** Which filter of system calls a container gets: the house's own, one of the node's operator, or none. */
import type { ContainerSecurity } from '../../task/container-security.ts';
import { openBelow } from '../../volumes/safe-path.ts';
import type { Refusal } from '../runtime.ts';
import type { HostFacts } from './config-json.ts';
import { defaultSeccomp, parseSeccomp, type SeccompProfile } from './seccomp-profile.ts';

export interface SeccompPlace {
  host: HostFacts;
  /** Profiles of operators, by path. */
  directory: string;
}

/** The profile to load; undefined for none, a refusal where a profile of the node's is not there. */
export async function chosenSeccomp(
  security: ContainerSecurity,
  { host, directory }: SeccompPlace,
): Promise<SeccompProfile | Refusal | undefined> {
  const { type, localhostProfile = '' } = security.seccomp;
  if (type === 'Unconfined') return undefined;
  if (type === 'RuntimeDefault') return defaultSeccomp(security.capabilities, host);
  try {
    const file = await openBelow(directory, localhostProfile);
    return parseSeccomp(await file.readFile('utf8').finally(() => file.close()));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const message = `seccomp profile ${localhostProfile} cannot be used: ${problem}`;
    return { reason: 'CreateContainerError', message };
  }
}
