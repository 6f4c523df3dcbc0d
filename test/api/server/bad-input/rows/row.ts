/** One refusal: what is sent, and what the answer must be. The server has one Job `kept` in `default`. */

export interface Sent {
  method?: string;
  path?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
  anonymous?: boolean;
}

export type Row = [name: string, sent: Sent, status: number, reason: string, says: RegExp];

export const jobs = '/apis/gantry.dev/v1/namespaces/default/jobs';
export const strict = `${jobs}?fieldValidation=Strict`;
export const mergeType = { 'content-type': 'application/merge-patch+json' };
export const jsonPatchType = { 'content-type': 'application/json-patch+json' };
export const strategicType = { 'content-type': 'application/strategic-merge-patch+json' };

/** A Job that would be fine, but for what is given. */
export function job(spec: object = {}, metadata: object = {}): string {
  return JSON.stringify({
    metadata: { name: 'x', ...metadata },
    spec: { template: { spec: { containers: [container()] } }, ...spec },
  });
}

export function container(fields: object = {}): object {
  return { name: 'main', image: 'busybox', ...fields };
}

/** The same, but for what is given in its first container. */
export function jobOf(fields: object, taskSpec: object = {}): string {
  return job({ template: { spec: { containers: [container(fields)], ...taskSpec } } });
}
