/** Several jobs of one turn. */

/** Waits for all, also when one fails: a turn must not go on in the background of the next. */
export async function allDone(jobs: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(jobs)) if (result.status === 'rejected') throw result.reason;
}
