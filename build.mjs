/**
 * Builds what runs: type-stripped, bundled ES modules under dist/, one entry per process. Bundling keeps
 * process start short (hundreds of small files become a few). Type checking is `npm run typecheck`.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const entries = [
  'cli/main',
  'api/server/main',
  'controllers/main',
  'scheduler/main',
  'nodeagent/main',
  'cluster/supervisor-main',
  'client/index',
  'client/testing/index',
];

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: entries.map((entry) => `${entry}.ts`),
  outdir: 'dist',
  outbase: '.',
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // ES modules where a package has them: their named exports survive bundling.
  mainFields: ['module', 'main'],
  sourcemap: true,
  // Native code and packages that read files beside themselves stay where they are.
  external: ['classic-level', 'etcd3', '@grpc/*', 'pino', 'fast-check', 'vitest'],
  // Bundled CommonJS dependencies expect `require`.
  banner: {
    js: "import { createRequire as gantryRequire } from 'node:module'; const require = gantryRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
writeFileSync('dist/.built', '');
