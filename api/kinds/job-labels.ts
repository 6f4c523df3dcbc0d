/** Labels and annotations the job controller puts on every task. Apart from job.ts, so that clients need not load its schema. */
export const jobNameLabel = 'gantry.dev/job';
export const taskIndexLabel = 'gantry.dev/index';
export const templateHashLabel = 'gantry.dev/template-hash';

/** Annotation of a task: how many attempts of its index failed before it. */
export const indexFailureCountAnnotation = 'gantry.dev/index-failure-count';
