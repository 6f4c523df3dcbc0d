/** Flags that several commands take. */
import type { CommandFlag } from './command.ts';

export const selector: CommandFlag = {
  flags: '-l, --selector <labels>',
  description: 'only objects with these labels: app=web,tier!=db',
};
export const fieldSelector: CommandFlag = {
  flags: '--field-selector <fields>',
  description: 'only objects with these fields: spec.nodeName=n1',
};
export const allNamespaces: CommandFlag = { flags: '-A, --all-namespaces', description: 'in all namespaces' };
export const all: CommandFlag = { flags: '--all', description: 'all objects of the type' };
export const filename: CommandFlag = {
  flags: '-f, --filename <file>',
  description: 'file or directory to read, or - for standard input; may be repeated',
  repeatable: true,
};
export const recursive: CommandFlag = {
  flags: '-R, --recursive',
  description: 'read directories below as well',
};
export const dryRun: CommandFlag = {
  flags: '--dry-run [mode]',
  description: 'change nothing: client (send nothing) or server (let it check)',
};
export const validate: CommandFlag = {
  flags: '--validate [mode]',
  description: 'unknown fields: strict (refuse), warn or ignore',
};
export const output: CommandFlag = {
  flags: '-o, --output <form>',
  description: 'yaml, json, name, jsonpath=… or custom-columns=…',
};
export const ignoreNotFound: CommandFlag = {
  flags: '--ignore-not-found',
  description: 'what is not there is no failure',
};
export const clusterName: CommandFlag = {
  flags: '--name <name>',
  description: 'name of the local cluster',
  default: 'dev',
};
