import { dirname, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sourceFiles as files, root, textOf } from './source-tree.ts';

/** ARCHITECTURE's table: who may import whom. A folder may always import itself. */
const mayImport: Record<string, readonly string[]> = {
  'api/meta': [],
  'api/kinds': ['api/meta'],
  'api/store': ['api/meta'],
  'api/server': ['api/meta', 'api/kinds', 'api/store'],
  client: ['api/meta', 'api/kinds'],
  controllers: ['client', 'api/meta', 'api/kinds'],
  scheduler: ['client', 'api/meta', 'api/kinds'],
  nodeagent: ['client', 'api/meta', 'api/kinds'],
  cli: ['client', 'api/meta', 'api/kinds'],
  cluster: [
    'client',
    'api/meta',
    'api/kinds',
    'api/store',
    'api/server',
    'controllers',
    'scheduler',
    'nodeagent',
    'cli',
  ],
};

/** The one door that goes up: the CLI loads the local cluster's commands when they are called. */
const allowedEdges = new Set(['cli -> cluster/commands.ts', 'cli -> cluster/options.ts']);

const folders = Object.keys(mayImport);

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

const imports = files.flatMap(importsOf);

function importsOf(file: string): Import[] {
  const text = textOf(file);
  const found: Import[] = [];
  for (const match of text.matchAll(
    /^(?:import|export)(\s+type)?\s[^;]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gms,
  )) {
    const [whole, typeKeyword, from, dynamic] = match;
    const target = from ?? dynamic;
    if (!target) continue;
    const typeOnly = typeKeyword !== undefined || isImportType(text, match.index, whole);
    found.push({ from: file, to: relative(root, resolve(root, dirname(file), target)), typeOnly });
  }
  return found;
}

/** `import('./x.ts').Y` in a type position is erased like `import type`. */
function isImportType(text: string, at: number, whole: string): boolean {
  return (
    whole.startsWith('import(') &&
    /^\s*\.[A-Z]/.test(text.slice(at + whole.length)) &&
    !/await\s*$/.test(text.slice(Math.max(0, at - 10), at))
  );
}

function folderOf(file: string): string {
  return folders.find((folder) => file.startsWith(`${folder}/`)) ?? dirname(file);
}

describe('imports', () => {
  it('finds the source tree', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(imports.length).toBeGreaterThan(300);
  });

  it('never go against the table of folders', () => {
    const wrong = imports.filter(({ from, to }) => {
      const [source, target] = [folderOf(from), folderOf(to)];
      return (
        source !== target && !mayImport[source]?.includes(target) && !allowedEdges.has(`${source} -> ${to}`)
      );
    });
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it('never run in a circle', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, typeOnly } of imports) {
      if (!typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
    }
    expect(circlesIn(edges)).toEqual([]);
  });

  it('of schema files at run time happen in the API server alone', () => {
    const schemaFiles = new Set(
      [
        'job',
        'task',
        'task-spec',
        'node',
        'namespace',
        'event',
        'config-map',
        'secret',
        'lease',
        'priority-class',
        'registry',
        'shapes',
      ].map((name) => `api/kinds/${name}.ts`),
    );
    const wrong = imports.filter(
      ({ from, to, typeOnly }) => !typeOnly && schemaFiles.has(to) && !from.startsWith('api/'),
    );
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });
});

function circlesIn(edges: Map<string, string[]>): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return circles;
}
