/** Reads a file of user plugins (TypeScript or JavaScript, what it imports included) and makes them the profile's. */
import { ApiError } from '../../api/meta/api-error.ts';
import type { PluginEntry } from '../core/profile.ts';
import { isolatedPlugin, type PluginFailure } from './isolated-plugin.ts';
import { PluginSandbox, textOf } from './plugin-sandbox.ts';

export class UserPlugins {
  readonly entries: readonly PluginEntry[];
  readonly #listeners: ((failure: PluginFailure) => void)[] = [];

  /** `code`: a CommonJS module. Throws ApiError Invalid. */
  constructor(code: string, file: string) {
    const sandbox = new PluginSandbox(code, file);
    const onFailure = (failure: PluginFailure): void => {
      for (const listener of this.#listeners) listener(failure);
    };
    this.entries = sandbox.plugins.map((description) => ({
      plugin: isolatedPlugin({ sandbox, description, onFailure }),
      weight: description.weight,
    }));
  }

  /** Hears of plugins that were switched off, once each. */
  onFailure(listener: (failure: PluginFailure) => void): void {
    this.#listeners.push(listener);
  }
}

/** Throws ApiError Invalid that names the file. */
export async function loadUserPlugins(file: string): Promise<UserPlugins> {
  return new UserPlugins(await bundled(file), file);
}

async function bundled(file: string): Promise<string> {
  try {
    // Only whoever has plugins needs it.
    const { build } = await import('esbuild');
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      format: 'cjs',
      platform: 'neutral',
      target: 'node20',
      logLevel: 'silent',
    });
    return outputFiles[0]?.text ?? '';
  } catch (error) {
    throw new ApiError('Invalid', `plugins ${file}: ${textOf(error)}`);
  }
}
