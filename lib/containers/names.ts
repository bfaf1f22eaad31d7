import { EngineError } from '../errors/index.ts';
import { isVolumeName } from '../volumes/index.ts';
import { invalidOption } from './option-values.ts';

/** Docker's rule for names: [a-zA-Z0-9][a-zA-Z0-9_.-]+; at most 200 bytes, since a file bears it. */
export function parseContainerName(value: string): string {
  const name = value.startsWith('/') ? value.slice(1) : value;
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,199}$/.test(name)) return name;
  throw new EngineError(
    'ERR_CONTAINER_NAME_INVALID',
    `invalid container name ${JSON.stringify(value.slice(0, 200))}: use 2 to 200 of a-z A-Z 0-9 _ . - and begin with a letter or digit`,
  );
}

/** A name that may stand in a path. @throws EngineError ERR_CONTAINER_OPTION_INVALID */
export function parseVolumeName(name: unknown): string {
  if (isVolumeName(name)) return name;
  throw invalidOption(
    'volume name',
    name,
    'use 2 to 200 of a-z A-Z 0-9 _ . -; a host directory must be absolute',
  );
}

/**
 * A name for a container that was given none: two words and the first digits of its id. The digits make it unique
 * without being reserved, and find the container again without an index.
 */
export function generateName(id: string): string {
  const [first, second] = [id.slice(8, 16), id.slice(16, 24)];
  return `${pick(adjectives, first)}_${pick(nouns, second)}_${id.slice(0, suffixLength)}`;
}

/** The digits of the id in a generated name; undefined if it is none. */
export function idPrefixOfName(name: string): string | undefined {
  return /^[a-z]+_[a-z]+_([0-9a-f]{8})$/.exec(name)?.[1];
}

const suffixLength = 8;
const adjectives =
  'able bold brave bright brisk calm clear clever cosy crisp deft eager fair fast firm fond free fresh glad good grand happy keen kind light lively lucky merry mild neat nimble plain proud quick quiet rapid ready sharp sleek smart snug solid steady still sunny swift tidy true vivid warm wise witty'.split(
    ' ',
  );
const nouns =
  'anchor barge beam boat bow buoy canoe capstan chart clipper cog compass cutter deck dinghy dock ferry fleet frigate galley gale harbor helm hull isle jetty jib keel ketch lagoon lantern mast oar pilot pier port prow raft rigging rope rudder sail schooner sextant skiff sloop spar stern strait tide tiller tug wave wharf yawl'.split(
    ' ',
  );

function pick(words: readonly string[], digits: string): string {
  return words[Number.parseInt(digits, 16) % words.length] ?? '';
}
