/**
 * Builds what runs: type-stripped, bundled ES modules under dist/, one entry per process. Bundling keeps
 * process start short (hundreds of small files become a few). Type checking is `npm run typecheck`.
 * The new build takes the place of the old one only when it is whole.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
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

const draft = `dist-${process.pid}.tmp`;

try {
  await build({
    entryPoints: entries.map((entry) => `${entry}.ts`),
    outdir: draft,
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
    external: ['classic-level', 'esbuild', 'etcd3', '@grpc/*', 'cockatiel', 'pino', 'fast-check', 'vitest'],
    // Bundled CommonJS dependencies expect `require`.
    banner: {
      js: "import { createRequire as gantryRequire } from 'node:module'; const require = gantryRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  writeFileSync(`${draft}/.built`, '');
  rmSync('dist', { recursive: true, force: true });
  renameSync(draft, 'dist');
} finally {
  rmSync(draft, { recursive: true, force: true });
}
