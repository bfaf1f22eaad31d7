/**
 * Which ids containers have here, what they are outside, and whose hands may touch files of them. Root's engine has the
 * machine's own ids; an ordinary user's those that /etc/subuid and /etc/subgid give him. A leaf room: it knows nothing of
 * layers or containers.
 */

export {
  type IdMap,
  type IdRange,
  insideOf,
  isExtendedBy,
  isMapped,
  mapText,
  outsideOf,
  parseMapText,
  sizeOf,
} from './id-map.ts';
export { type AskedIds, IdRanges, mapOf, type TakenRange } from './id-ranges.ts';
export { hostIds, type Ids, mappedIds } from './ids.ts';
export { remappedIds, subordinateIdsOf } from './remapped.ts';
export { subordinateRanges } from './subordinate.ts';
export { chooseIdMap, type UserIdMap, userIdMap } from './user-id-map.ts';
