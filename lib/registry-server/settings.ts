import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { EngineError } from '../errors/index.ts';
import type { CollectOptions } from './maintenance/collect-garbage.ts';

const text = v.pipe(v.string('must be text'), v.minLength(1, 'must not be empty'));
const count = v.pipe(
  v.number('must be a number'),
  v.integer('must be a whole number'),
  v.minValue(0, 'must not be negative'),
);
const scope = v.pipe(
  text,
  v.regex(/^(\*|[a-z0-9][a-z0-9._/-]*(\/\*)?)$/, 'must be *, team/* or a repository'),
);
const seconds = count;

const schema = v.strictObject({
  /** Tags that are set once. */
  immutable: v.optional(v.array(v.strictObject({ scope, tags: v.optional(text) }))),
  /** Bytes of all blobs of the repositories within a scope. */
  quotas: v.optional(v.array(v.strictObject({ scope, bytes: count }))),
  retention: v.optional(
    v.array(
      v.strictObject({
        scope,
        tags: v.optional(text),
        keepLast: v.optional(count),
        keepSeconds: v.optional(seconds),
      }),
    ),
  ),
  collect: v.optional(
    v.strictObject({
      everySeconds: v.optional(seconds),
      graceSeconds: v.optional(seconds),
      uploadSeconds: v.optional(seconds),
      untagged: v.optional(v.boolean()),
    }),
  ),
  limits: v.optional(
    v.strictObject({
      blobBytes: v.optional(count),
      requestsPerMinute: v.optional(count),
      connections: v.optional(v.pipe(count, v.minValue(1, 'must be at least 1'))),
    }),
  ),
  sparseIndexes: v.optional(v.boolean()),
  /** Who may read `/metrics`, beside administrators. */
  metrics: v.optional(
    v.picklist(['local', 'administrators', 'everybody'], 'is none of local, administrators, everybody'),
  ),
  mirrors: v.optional(
    v.array(
      v.strictObject({
        prefix: v.pipe(
          v.string('must be text'),
          v.regex(/^([a-z0-9][a-z0-9._/-]*[a-z0-9])?$/, 'must be the beginning of repositories’ names'),
        ),
        upstream: text,
        ca: v.optional(text),
        tagSeconds: v.optional(seconds),
        maxBytes: v.optional(count),
        username: v.optional(text),
        password: v.optional(text),
        passwordFile: v.optional(text),
      }),
    ),
  ),
  replicas: v.optional(
    v.array(
      v.strictObject({
        scope,
        to: text,
        everySeconds: v.optional(seconds),
        ca: v.optional(text),
        username: v.optional(text),
        password: v.optional(text),
        passwordFile: v.optional(text),
      }),
    ),
  ),
  webhooks: v.optional(
    v.array(
      v.strictObject({
        url: v.pipe(text, v.url('must be a URL')),
        secret: text,
        events: v.optional(v.array(v.picklist(['push', 'pull', 'mount', 'delete'], 'is no event'))),
        scope: v.optional(scope),
      }),
    ),
  ),
});

/** What `strake registry serve --settings FILE` reads; docs/registry.md says what each key means. All are optional. */
export type RegistrySettings = v.InferOutput<typeof schema>;

/** Reads a settings file. @throws EngineError ERR_CONFIG_INVALID with the file and each fault */
export async function loadRegistrySettings(path: string): Promise<RegistrySettings> {
  try {
    return parseRegistrySettings(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new EngineError('ERR_CONFIG_INVALID', `invalid settings ${path}: ${(cause as Error).message}`, {
      cause,
      details: { path },
    });
  }
}

/** ERR_CONFIG_INVALID with each fault. */
export function parseRegistrySettings(value: unknown): RegistrySettings {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const faults = result.issues.map(
    (issue) => `${issue.path?.map(({ key }) => String(key)).join('.') ?? 'the file'} ${issue.message}`,
  );
  throw new EngineError('ERR_CONFIG_INVALID', faults.join('; '), { details: { faults } });
}

/** How garbage is collected by the settings. */
export function collectOptionsOf({ collect = {}, retention = [] }: RegistrySettings): CollectOptions {
  const { graceSeconds, uploadSeconds, untagged } = collect;
  return {
    ...(graceSeconds !== undefined && { grace: graceSeconds * 1000 }),
    ...(uploadSeconds !== undefined && { uploadLife: uploadSeconds * 1000 }),
    ...(untagged !== undefined && { untagged }),
    retention: retention.map(({ scope, tags, keepLast, keepSeconds }) => ({
      scope,
      ...(tags !== undefined && { tags }),
      ...(keepLast !== undefined && { keepLast }),
      ...(keepSeconds !== undefined && { keepFor: keepSeconds * 1000 }),
    })),
  };
}
