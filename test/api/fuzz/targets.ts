/** Everything that is fuzzed. To add one: write its target, name it here, give it a corpus. */
import type { Target } from './fuzzer.ts';
import { jsonBody, protobufBody, streamFrame } from './targets/bytes.ts';
import { cel } from './targets/cel.ts';
import { fieldsV1 } from './targets/field-set.ts';
import { jsonPatch, jsonPointer, mergePatchTarget, strategicPatch } from './targets/patches.ts';
import { quantity } from './targets/quantity.ts';
import { fieldSelector, labelSelector } from './targets/selectors.ts';

export const targets: readonly Target[] = [
  labelSelector,
  fieldSelector,
  quantity,
  jsonPointer,
  jsonPatch,
  mergePatchTarget,
  strategicPatch,
  fieldsV1,
  jsonBody,
  protobufBody,
  streamFrame,
  cel,
];
