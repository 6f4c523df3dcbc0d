/**
 * Where user plugins run: a context of its own with a time limit, which nothing but text goes into and comes
 * out of. Guards against mistakes (throwing, looping, changing what it was given), not against malice: the
 * file is the operator's own.
 */
import { createContext, runInContext } from 'node:vm';
import { ApiError } from '../../api/meta/api-error.ts';
import type { PluginNode, PluginTask } from './user-plugin.ts';

export interface PluginDescription {
  name: string;
  weight: number;
  filters: boolean;
  scores: boolean;
}

export interface PluginCall {
  plugin: string;
  point: 'filter' | 'score';
  task: PluginTask;
  nodes: readonly PluginNode[];
}

/** Of a call, which asks about all nodes at once. Generous: a machine may be loaded, an endless loop has no end. */
const budgetMs = 1000;

const describe = `(() => {
  const exported = module.exports.default ?? module.exports;
  globalThis.plugins = new Map([exported].flat().map((plugin) => [plugin.name, plugin]));
  return JSON.stringify([exported].flat().map(({ name, weight = 1, filter, score }) => ({
    name, weight, filters: typeof filter === 'function', scores: typeof score === 'function',
  })));
})()`;

const answer = `(() => {
  const { plugin, point, task, nodes } = JSON.parse(call);
  const asked = plugins.get(plugin);
  return JSON.stringify(nodes.map((node) => asked[point](task, node) ?? null));
})()`;

export class PluginSandbox {
  readonly plugins: readonly PluginDescription[];
  readonly #context: Record<string, unknown>;

  /** `code`: the file as a CommonJS module. Throws ApiError Invalid. */
  constructor(code: string, file: string) {
    this.#context = createContext(
      { module: { exports: {} } },
      { codeGeneration: { strings: false, wasm: false }, microtaskMode: 'afterEvaluate' },
    ) as Record<string, unknown>;
    try {
      runInContext(`((exports) => {${code}\n})(module.exports)`, this.#context, {
        filename: file,
        timeout: budgetMs,
      });
      this.plugins = JSON.parse(String(this.#run(describe))) as PluginDescription[];
    } catch (error) {
      throw new ApiError('Invalid', `${file}: ${textOf(error)}`);
    }
    for (const { name, weight, filters, scores } of this.plugins) {
      if (typeof name !== 'string' || name === '' || !(filters || scores))
        throw new ApiError('Invalid', `${file}: a plugin has a name, and filter() or score()`);
      if (!Number.isInteger(weight) || weight < 0)
        throw new ApiError('Invalid', `${file}: the weight of ${name} is not a whole number`);
    }
  }

  /** One answer per node, of whatever type; null for undefined. Throws what the plugin throws, or that it took too long. */
  call(call: PluginCall): unknown[] {
    this.#context['call'] = JSON.stringify(call);
    return JSON.parse(String(this.#run(answer))) as unknown[];
  }

  #run(script: string): unknown {
    return runInContext(script, this.#context, { timeout: budgetMs });
  }
}

/** Errors of another context are no Errors here. */
export function textOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : String(error);
}
