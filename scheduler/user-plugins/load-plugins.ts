/** Reads a file of user plugins (TypeScript or JavaScript, what it imports included) and makes them the profile's. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
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
  return new UserPlugins(await codeOf(file), file);
}

/** As one CommonJS module; a file that says it is one (.cjs) is taken as it stands. */
async function codeOf(file: string): Promise<string> {
  try {
    return extname(file) === '.cjs' ? await readFile(file, 'utf8') : await bundled(file);
  } catch (error) {
    throw new ApiError('Invalid', `plugins ${file}: ${textOf(error)}`);
  }
}

async function bundled(file: string): Promise<string> {
  const { build } = await esbuild();
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
}

/** Only whoever has plugins needs it, so an installation may have left it out. */
async function esbuild(): Promise<typeof import('esbuild')> {
  try {
    return await import('esbuild');
  } catch {
    throw new ApiError(
      'Invalid',
      'esbuild, which makes one module of TypeScript and of ES modules, is not installed: npm install esbuild, or write CommonJS (.cjs)',
    );
  }
}
