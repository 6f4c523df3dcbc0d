/** The YAML library, behind one module that is loaded only when YAML is printed or read (20 ms of start-up). */
import { parse, parseDocument, stringify } from 'yaml';

/** Keys sorted and lists not indented, as kubectl (Go) writes them. */
export function toYaml(value: unknown): string {
  return stringify(value, {
    // Readers of YAML 1.1 take a bare time, yes or on for something other than text.
    compat: 'yaml-1.1',
    sortMapEntries: true,
    lineWidth: 0,
    aliasDuplicateObjects: false,
    indentSeq: false,
  });
}

/** One document as plain values. Throws the library's error. */
export function fromYaml(text: string): unknown {
  return parse(text, { maxAliasCount: 100 });
}

/** Sets one field of a document's top level, and leaves everything else as it was written. */
export function withField(text: string, field: string, value: string): string {
  const document = parseDocument(text);
  document.set(field, value);
  return document.toString({ lineWidth: 0 });
}
