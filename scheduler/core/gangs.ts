/** Where the members of each gang stand: decided on, bound, or through. Kept by the cluster state; told by job. */

/** Assumed: decided, and not confirmed by the API server yet. */
export type Standing = 'assumed' | 'bound' | 'succeeded';

export type GangCount = Readonly<Record<Standing, number>>;

export class Gangs {
  readonly #standings = new Map<string, Map<string, Standing>>();
  /** By uid of the member. */
  readonly #jobs = new Map<string, string>();

  set(job: string, uid: string, standing: Standing): void {
    const members = this.#standings.get(job) ?? new Map<string, Standing>();
    this.#standings.set(job, members.set(uid, standing));
    this.#jobs.set(uid, job);
  }

  remove(uid: string): void {
    const job = this.#jobs.get(uid);
    if (job === undefined) return;
    this.#jobs.delete(uid);
    const members = this.#standings.get(job);
    members?.delete(uid);
    if (members?.size === 0) this.#standings.delete(job);
  }

  count(job: string): GangCount {
    const counts = { assumed: 0, bound: 0, succeeded: 0 };
    for (const standing of this.#standings.get(job)?.values() ?? []) counts[standing]++;
    return counts;
  }

  /** The uids of those that hold something of a node. */
  *placed(job: string): Iterable<string> {
    for (const [uid, standing] of this.#standings.get(job) ?? []) if (standing !== 'succeeded') yield uid;
  }
}
