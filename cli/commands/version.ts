/** `gantry version`: of this program, and of the server when there is one. */
import type { CommandFunction } from '../command.ts';
import { UsageError } from '../failure.ts';
import { clientVersion } from '../version.ts';

export interface VersionOptions {
  client?: boolean;
  output?: string;
}

interface ServerVersion {
  gitVersion?: string;
}

export const version: CommandFunction<VersionOptions> = async ({ io, session }, _args, options) => {
  const versions: { clientVersion: ServerVersion; serverVersion?: ServerVersion } = {
    clientVersion: { gitVersion: clientVersion },
  };
  if (!options.client) {
    const { client } = await session();
    versions.serverVersion = (await client.raw('/version')) as ServerVersion;
  }
  if (options.output === 'json') io.out(`${JSON.stringify(versions, null, 2)}\n`);
  else if (options.output === 'yaml') io.out((await import('../yaml-text.ts')).toYaml(versions));
  else if (options.output !== undefined) throw new UsageError('-o: want json or yaml');
  else {
    io.out(`Client: ${clientVersion}\n`);
    if (versions.serverVersion) io.out(`Server: ${versions.serverVersion.gitVersion}\n`);
  }
  return 0;
};
