/** Kubernetes' CEL library of named formats: `!format.dns1123Label().validate(self.name).hasValue()`. */
import type { Environment } from '@marcbachmann/cel-js';
import { Optional } from '@marcbachmann/cel-js';
import { dnsLabelError, dnsSubdomainError, labelValueError, qualifiedNameError } from '../meta/names.ts';
import { formats } from './formats.ts';

/** What is wrong with the text; undefined when nothing is. */
type Check = (text: string) => string | undefined;

class Formats {}

class Format {
  readonly check: Check;

  constructor(check: Check) {
    this.check = check;
  }
}

const mustBe =
  (what: string, holds: (text: string) => boolean): Check =>
  (text) =>
    holds(text) ? undefined : `must be ${what}`;

/** Prefixes, as of `generateName`, may end in a dash. */
const prefixOf =
  (check: Check): Check =>
  (text) =>
    check(text.replace(/-$/, 'a'));

const dns1035Label = mustBe('a DNS label that begins with a letter', (text) =>
  /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text),
);

const checks: Readonly<Record<string, Check>> = {
  dns1123Label: (text) => dnsLabelError(text),
  dns1123Subdomain: dnsSubdomainError,
  dns1035Label,
  qualifiedName: qualifiedNameError,
  labelValue: labelValueError,
  dns1123LabelPrefix: prefixOf((text) => dnsLabelError(text)),
  dns1123SubdomainPrefix: prefixOf(dnsSubdomainError),
  dns1035LabelPrefix: prefixOf(dns1035Label),
  uri: mustBe('a URI', formats.uri),
  uuid: mustBe('a UUID', (text) => formats.uuid.test(text)),
  byte: mustBe('base64', (text) => formats.byte.test(text)),
  date: mustBe('a date', formats.date),
  datetime: mustBe('a time of RFC 3339', formats['date-time']),
};

export function namedFormats(environment: Environment): void {
  environment
    .registerType('Formats', { ctor: Formats, fields: {} })
    .registerType('Format', { ctor: Format, fields: {} })
    .registerConstant('format', 'Formats', new Formats())
    .registerFunction('Formats.named(string): optional<Format>', (_formats: Formats, name: string) =>
      Object.hasOwn(checks, name) ? Optional.of(new Format(checks[name]!)) : Optional.none(),
    )
    .registerFunction(
      'Format.validate(string): optional<list<string>>',
      ({ check }: Format, text: string) => {
        const problem = check(text);
        return problem === undefined ? Optional.none() : Optional.of([problem]);
      },
    );
  for (const [name, check] of Object.entries(checks))
    environment.registerFunction(`Formats.${name}(): Format`, () => new Format(check));
}
