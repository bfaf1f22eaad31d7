import * as v from 'valibot';

/** An object with these keys and no others. */
function object<const Entries extends v.ObjectEntries>(entries: Entries) {
  const known = Object.keys(entries).join(', ');
  return v.pipe(
    v.custom<Record<string, unknown>>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      'must be an object',
    ),
    v.strictObject(entries, `is unknown; the keys known here are ${known}`),
  );
}

const boolean = v.boolean('must be true or false');
const text = v.string('must be a string');

const path = v.pipe(text, v.nonEmpty('must not be empty'));

const url = (schemes: readonly string[]) =>
  v.pipe(
    text,
    v.check(
      (value) => URL.canParse(value) && schemes.includes(new URL(value).protocol),
      `must be a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
    ),
  );

const mirror = v.pipe(
  url(['https:', 'http:']),
  v.check((value) => {
    const { search, hash, username } = new URL(value);
    return search === '' && hash === '' && username === '';
  }, 'must have no user, query or fragment; credentials belong into ~/.docker/config.json'),
);

const integer = (from: number, to: number) => {
  const message = `must be a whole number from ${from} to ${to}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(from, message), v.maxValue(to, message));
};

/** `host`, `host:port` or `host/path`, as it stands at the beginning of a repository's full name. */
const prefix = v.pipe(
  text,
  v.regex(
    /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?(?:\/[a-z0-9._-]+)*$/,
    'must be the beginning of a full name, such as docker.io, docker.io/library or host:5000, without https://',
  ),
);

/** Whoever has lines in /etc/subuid and /etc/subgid. */
const subordinate = v.pipe(
  text,
  v.regex(/^[^:\s]+(:[^:\s]+)?$/, 'must be a user, or user:group, as in /etc/subuid and /etc/subgid'),
);

const detachKeys = v.pipe(
  text,
  v.regex(
    /^(?:[ -+\--~]|ctrl-[a-z@[\\\]^_])(?:,(?:[ -+\--~]|ctrl-[a-z@[\\\]^_]))*$/,
    'must be letters and ctrl-<letter>, separated by commas, such as ctrl-p,ctrl-q',
  ),
);

const tls = object({
  ca: v.optional(path),
  cert: v.optional(path),
  key: v.optional(path),
  skipVerify: v.optional(boolean),
});

const registry = object({
  mirrors: v.optional(v.array(mirror, 'must be a list')),
  insecure: v.optional(boolean),
  tls: v.optional(tls),
});

/** One configuration file. Everything is optional; a key that is not here is an error. */
export const fileSchema = object({
  registries: v.optional(v.record(prefix, registry)),
  proxies: v.optional(
    object({
      http: v.optional(url(['http:', 'https:'])),
      https: v.optional(url(['http:', 'https:'])),
      no: v.optional(v.array(text, 'must be a list')),
    }),
  ),
  downloads: v.optional(
    object({
      concurrency: v.optional(integer(1, 64)),
      attempts: v.optional(integer(1, 20)),
      idleTimeout: v.optional(integer(1, 3600)),
    }),
  ),
  limits: v.optional(
    object({
      layerSize: v.optional(integer(1, Number.MAX_SAFE_INTEGER)),
      layerEntries: v.optional(integer(1, Number.MAX_SAFE_INTEGER)),
    }),
  ),
  userns: v.optional(
    object({
      default: v.optional(v.picklist(['host', 'auto', 'remap'], 'must be "host", "auto" or "remap"')),
      remapUser: v.optional(subordinate),
      autoUser: v.optional(subordinate),
    }),
  ),
  terminal: v.optional(object({ detachKeys: v.optional(detachKeys) })),
  storage: v.optional(
    object({
      keepCompressed: v.optional(v.union([boolean, v.literal('auto')], 'must be true, false or "auto"')),
    }),
  ),
});

export type ConfigFile = v.InferOutput<typeof fileSchema>;

/** Checks the content of a file: the file, or its faults, such as `registries["docker.io"].mirror is unknown; …`. */
export function validateFile(value: unknown): { file: ConfigFile } | { faults: string[] } {
  const result = v.safeParse(fileSchema, value);
  if (result.success) return { file: result.output };
  return { faults: result.issues.map((issue) => `${jsonPath(issue.path ?? [])} ${issue.message}`) };
}

function jsonPath(path: readonly { key?: unknown }[]): string {
  if (path.length === 0) return 'the file';
  const steps = path.map(({ key }) => {
    if (typeof key === 'number') return `[${key}]`;
    return /^[A-Za-z]+$/.test(String(key)) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  return steps.join('').replace(/^\./, '');
}
