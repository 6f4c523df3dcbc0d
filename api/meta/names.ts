/** Names and what they may look like (RFC 1123, Kubernetes' validation). Each check returns what is wrong, or undefined. */

const label = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const qualifiedPart = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const environmentName = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;
const configKey = /^[-._a-zA-Z0-9]{1,253}$/;

/** A DNS-1123 label: namespaces, containers, ports, jobs (their tasks' names must fit host names). */
export function dnsLabelError(name: string, maxLength = 63): string | undefined {
  if (name.length > maxLength) return `must be no more than ${maxLength} characters`;
  if (!label.test(name))
    return "must be lower case letters, digits or '-', beginning and ending with a letter or digit (for example 'my-name')";
  return undefined;
}

/** A DNS-1123 subdomain: most object names. */
export function dnsSubdomainError(name: string): string | undefined {
  if (name.length > 253) return 'must be no more than 253 characters';
  if (name.length === 0 || !name.split('.').every((part) => label.test(part))) {
    return "must be lower case letters, digits, '-' or '.', each part beginning and ending with a letter or digit (for example 'my-name' or 'a.example')";
  }
  return undefined;
}

/** `[prefix/]name`: label, annotation, resource and condition keys. */
export function qualifiedNameError(key: string): string | undefined {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) return "must have at most one '/'";
  if (parts.length === 2 && dnsSubdomainError(parts[0] ?? ''))
    return `prefix part ${dnsSubdomainError(parts[0] ?? '')}`;
  if (!qualifiedPart.test(name))
    return "name part must be 1 to 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit";
  return undefined;
}

export function labelValueError(value: string): string | undefined {
  if (value !== '' && !qualifiedPart.test(value)) {
    return "must be empty, or at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit";
  }
  return undefined;
}

export function environmentNameError(name: string): string | undefined {
  return environmentName.test(name) && name.length <= 1024
    ? undefined
    : "must be letters, digits, '_', '-' or '.', not beginning with a digit";
}

export function configKeyError(key: string): string | undefined {
  return configKey.test(key) && key !== '.' && key !== '..'
    ? undefined
    : "must be letters, digits, '-', '_' or '.'";
}

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Appends five random characters to a `generateName` prefix (no vowels, so no words). */
export function generatedName(prefix: string, random: { next(): number }): string {
  let suffix = '';
  for (let i = 0; i < 5; i++) suffix += suffixAlphabet[Math.floor(random.next() * suffixAlphabet.length)];
  return prefix.slice(0, 248) + suffix;
}
