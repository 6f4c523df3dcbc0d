/** For tests of programs written with the SDK: time that stands still, faults on order, waiting without sleeping. */
export { VirtualClock } from '../../api/meta/clock.ts';
export { silentLogger } from '../../api/meta/logger.ts';
export { seededRandom } from '../../api/meta/random.ts';
export { deepFreeze } from './deep-freeze.ts';
export { type Fault, type FaultRule, FaultyClient, SimulatedCrash } from './faulty-client.ts';
export { settle, type UntilOptions, until } from './until.ts';
